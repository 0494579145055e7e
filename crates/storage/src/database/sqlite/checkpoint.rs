//! Checkpoints: folds SQLite's log into its file while others write, and keeps it short.
//!
//! Left to itself, SQLite does so in the commit that fills the log, which then waits for the disk: with one writer, a
//! pause of tens of milliseconds for everybody, every few hundred commits. On a connection of its own, writers go on. But the
//! log begins anew only where all of it is in the file, and under load some commit always comes meanwhile. So the rest of a
//! long log, a few pages, is folded in while no writer has its turn.
//!
//! A log that begins anew is written over, which a sync of the disk takes less for than for a file that grows.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use platform::Tasks;
use sea_orm::sqlx::{self, Connection, Executor, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::fold::{Fold, Folded, fold};
use super::handle::{Access, open};
use super::problem::log_of;

/// Commits between two looks at the log.
const COMMITS: u32 = 8;
/// The same after a failure, which a look soon after would only say again.
const COMMITS_AFTER_FAILURE: u32 = 400;
/// So much of the log is folded in at a time.
const FOLDED_BYTES: u32 = 2 << 20;
/// A log that is longer is to begin anew.
const LONG_BYTES: u32 = 4 << 20;
/// What a file is cut down to that has become longer, when its log begins anew.
pub const LIMIT_BYTES: u32 = 8 << 20;
/// How long the log is when a commit folds it in itself, because this one can't keep up.
pub const BACKSTOP_BYTES: u32 = 16 << 20;
/// A log that is this long isn't one of writers: somebody has been reading for long, and it grows until they are done.
const OUTGROWN_BYTES: u64 = 256 << 20;
/// How often what came meanwhile is folded in as well, before writers are held up for the rest.
const PASSES: u32 = 3;
/// How long writers wait for readers who began before, by how long the log is: a few milliseconds, which every read takes,
/// and longer where reads always overlap.
const HOLD_UPS: [(u32, &str); 3] = [
    (BACKSTOP_BYTES, "PRAGMA busy_timeout = 10"),
    (4 * BACKSTOP_BYTES, "PRAGMA busy_timeout = 50"),
    (u32::MAX, "PRAGMA busy_timeout = 200"),
];

/// How often the log is emptied, so that what was deleted doesn't stay in it. README names this time.
const EMPTIED_EVERY: Duration = Duration::from_secs(300);
/// And when it is tried again, where readers held that up.
const EMPTIED_AGAIN: Duration = Duration::from_secs(10);

/// Keeps the log of a file short. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Checkpoints(Arc<State>);

#[derive(Debug)]
struct State {
    file: PathBuf,
    /// The one connection for writes: who has it has the writers' turn.
    writer: SqlitePool,
    commits: AtomicU32,
    /// Commits after which the log is looked at.
    due: AtomicU32,
    is_running: AtomicBool,
    /// Whether something may be in the log.
    is_used: AtomicBool,
    log: Mutex<Option<Log>>,
    tasks: TaskTracker,
    is_closed: CancellationToken,
}

impl Checkpoints {
    /// For a file, with the pool of the one connection that writes to it.
    pub fn of(file: &Path, writer: SqlitePool) -> Self {
        Self(Arc::new(State {
            file: file.to_owned(),
            writer,
            commits: AtomicU32::default(),
            due: AtomicU32::new(COMMITS),
            is_running: AtomicBool::default(),
            is_used: AtomicBool::default(),
            log: Mutex::default(),
            tasks: TaskTracker::new(),
            is_closed: CancellationToken::new(),
        }))
    }

    /// Notes a commit. At times this starts a task.
    pub fn committed(&self) {
        let state = &self.0;
        state.is_used.store(true, Ordering::Release);
        let is_due =
            state.commits.fetch_add(1, Ordering::Relaxed) + 1 >= state.due.load(Ordering::Relaxed);
        if !is_due || state.is_running.swap(true, Ordering::AcqRel) {
            return;
        }
        state.commits.store(0, Ordering::Relaxed);
        let this = self.clone();
        state.tasks.spawn(async move {
            let kept = this.keep_short().await;
            let state = &this.0;
            let due = match this.told(kept).is_some() {
                true => COMMITS,
                false => COMMITS_AFTER_FAILURE,
            };
            state.due.store(due, Ordering::Relaxed);
            state.is_running.store(false, Ordering::Release);
        });
    }

    /// Folds the log in where it has become long.
    async fn keep_short(&self) -> sqlx::Result<()> {
        let mut held = self.0.log.lock().await;
        let Some(log) = self.open(&mut held).await? else {
            return Ok(());
        };
        log.keep_short(&self.0.writer).await
    }

    /// Empties the log every few minutes.
    pub fn keep_emptying(&self, tasks: &Tasks) {
        let (checkpoints, closed) = (self.clone(), self.0.is_closed.clone());
        let emptying = closed.run_until_cancelled_owned(async move {
            let (mut pause, mut is_outgrown) = (EMPTIED_EVERY, false);
            loop {
                tokio::time::sleep(pause).await;
                let emptied = checkpoints.empty().await;
                pause = match checkpoints.told(emptied) {
                    Some(false) => EMPTIED_AGAIN,
                    _ => EMPTIED_EVERY,
                };
                let was_outgrown = is_outgrown;
                let bytes = outgrown_log(&checkpoints.0.file);
                is_outgrown = bytes.is_some();
                if let (Some(bytes), false) = (bytes, was_outgrown) {
                    let file = checkpoints.0.file.display();
                    tracing::warn!(%file, size_mib = bytes >> 20, "the database's log grows, because a program has been reading the file for long: end that program, or its transaction");
                }
            }
        });
        let token = tasks.token().clone();
        let _tracked = tasks.spawn(token.run_until_cancelled_owned(emptying));
    }

    /// Folds in all of the log, and cuts it off. False where readers hold that up.
    async fn empty(&self) -> sqlx::Result<bool> {
        if !self.0.is_used.swap(false, Ordering::AcqRel) {
            return Ok(true);
        }
        let emptied = async {
            let mut held = self.0.log.lock().await;
            match self.open(&mut held).await? {
                Some(log) => log.empty(&self.0.writer).await,
                None => Ok(true),
            }
        };
        let emptied = emptied.await;
        if !matches!(emptied, Ok(true)) {
            self.0.is_used.store(true, Ordering::Release);
        }
        emptied
    }

    /// What was done, unless it failed, which is logged.
    fn told<T>(&self, done: sqlx::Result<T>) -> Option<T> {
        let told = done.inspect_err(|error| {
            let file = self.0.file.display();
            tracing::warn!(%error, %file, "the database's log can't be written back to its file");
        });
        told.ok()
    }

    /// The log on a connection of its own; none once all is over.
    async fn open<'l>(&self, log: &'l mut Option<Log>) -> sqlx::Result<Option<&'l mut Log>> {
        if self.0.is_closed.is_cancelled() {
            return Ok(None);
        }
        if log.is_none() {
            *log = Some(Log::open(&self.0.file).await?);
        }
        Ok(log.as_mut())
    }

    /// Waits for a task that runs, and lets go of the file.
    pub async fn finish(&self) {
        self.0.is_closed.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        if let Some(log) = self.0.log.lock().await.take() {
            let _closed = log.connection.close().await;
        }
    }
}

/// How long the log of a file is, where that is longer than writers make it.
pub fn outgrown_log(file: &Path) -> Option<u64> {
    let log = std::fs::metadata(log_of(file)).ok()?;
    Some(log.len()).filter(|bytes| *bytes > OUTGROWN_BYTES)
}

/// A log, and the connection that folds it in.
#[derive(Debug)]
struct Log {
    connection: SqliteConnection,
    page_bytes: u32,
    /// From so many pages on it is to begin anew.
    long: u32,
}

impl Log {
    async fn open(file: &Path) -> sqlx::Result<Self> {
        let mut connection = open(file, Access::Write).await?;
        // SQLite opens the log with the first read, and knows nothing of it before.
        connection
            .execute("SELECT count(*) FROM sqlite_schema")
            .await?;
        let size = sqlx::query_scalar("PRAGMA page_size");
        let page_bytes: u32 = size.fetch_one(&mut connection).await?;
        Ok(Self {
            connection,
            page_bytes,
            long: LONG_BYTES / page_bytes,
        })
    }

    async fn keep_short(&mut self, writer: &SqlitePool) -> sqlx::Result<()> {
        let mut state = fold(&mut self.connection, Fold::Look).await?;
        let (much, long) = (FOLDED_BYTES / self.page_bytes, LONG_BYTES / self.page_bytes);
        if state.pages < long {
            self.long = long;
        }
        if state.left() >= much || state.pages >= self.long {
            state = self.fold_beside().await?;
        }
        if state.pages < self.long {
            return Ok(());
        }
        // One who has read for long holds up what writers would wait for.
        let begins_anew =
            state.left() < much && self.finish(Fold::Restart, state.pages, writer).await?;
        self.long = match begins_anew {
            true => long,
            false => state.pages + long,
        };
        Ok(())
    }

    async fn empty(&mut self, writer: &SqlitePool) -> sqlx::Result<bool> {
        let state = self.fold_beside().await?;
        if state.left() >= FOLDED_BYTES / self.page_bytes {
            return Ok(false);
        }
        self.finish(Fold::Empty, state.pages, writer).await
    }

    /// Folds in what there is, and then what came meanwhile. The last of them syncs the file, so that little is left for a
    /// time when writers wait.
    async fn fold_beside(&mut self) -> sqlx::Result<Folded> {
        let mut state = fold(&mut self.connection, Fold::Beside).await?;
        for _ in 1..PASSES {
            if state.is_whole() {
                break;
            }
            state = fold(&mut self.connection, Fold::Beside).await?;
        }
        Ok(state)
    }

    /// Folds in the rest of so many pages while no writer has its turn. False where that couldn't be.
    async fn finish(&mut self, how: Fold, pages: u32, writer: &SqlitePool) -> sqlx::Result<bool> {
        let bytes = u64::from(pages) * u64::from(self.page_bytes);
        let hold_up = HOLD_UPS.iter().find(|(most, _)| bytes <= u64::from(*most));
        if let Some((_, hold_up)) = hold_up {
            self.connection.execute(*hold_up).await?;
        }
        let Ok(_turn) = writer.acquire().await else {
            return Ok(false);
        };
        Ok(fold(&mut self.connection, how).await?.is_whole())
    }
}

#[cfg(test)]
mod tests;
