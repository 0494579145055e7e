//! A snapshot of several files at one moment, while another process writes to them.
//!
//! For an instant every file's write lock is held, so that nobody commits to any of them. A read transaction that begins then
//! on each file sees that instant for as long as it lasts, and writers go on at once.

use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use platform::folders::make_private;
use sea_orm::sqlx::{self, Connection, Executor, SqliteConnection};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::condition::{Found, look_through};
use super::handle::{Access, copy_pages, keep_log, open};
use super::mark::{is_marked, mark_copy, says_in_use};
use super::problem::{FileError, log_of};

/// How long the first locks are held while the others are tried for. Writers wait for two seconds, and must not fail.
const TOGETHER: Duration = Duration::from_millis(250);
/// Between two looks at a lock that another process has for one transaction.
const GLANCE: Duration = Duration::from_micros(500);
/// Before all is tried again, so that writers get their turn.
const PAUSE: Duration = Duration::from_millis(250);
/// For everything, where a writer has a very long transaction.
const PATIENCE: Duration = Duration::from_secs(120);

/// A file is looked through to its end, however long that takes.
const TO_THE_END: Duration = Duration::from_secs(1 << 30);

/// Told how many bytes of a file are copied.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// Several files at one moment, during which nobody writes to any of them. To be released soon: writers wait.
#[derive(Debug)]
pub struct Standstill {
    locks: Vec<SqliteConnection>,
    snapshots: Vec<Snapshot>,
}

/// A file as it was at a moment.
#[derive(Debug)]
pub struct Snapshot {
    file: PathBuf,
    connection: SqliteConnection,
    size_bytes: u64,
}

impl Standstill {
    /// Waits until nobody writes to any of the files, and keeps it so.
    ///
    /// # Errors
    /// One of the files can't be read or locked.
    pub async fn of(files: &[PathBuf]) -> Result<Self, FileError> {
        // Asked before anything is opened, which makes a log.
        let keep: Vec<bool> = files.iter().map(|file| has_or_needs_log(file)).collect();
        let mut locks = Vec::new();
        for (file, keeps) in files.iter().zip(&keep) {
            locks.push((file.clone(), beside(file, *keeps).await?));
        }
        let until = Instant::now() + PATIENCE;
        while let Err(taken) = lock_all(&mut locks).await? {
            if Instant::now() >= until {
                return Err(FileError::Busy { file: taken });
            }
            tokio::time::sleep(PAUSE).await;
        }
        let mut snapshots = Vec::new();
        for (file, keeps) in files.iter().zip(&keep) {
            snapshots.push(Snapshot::begin(file, *keeps).await?);
        }
        let locks = locks.into_iter().map(|(_, connection)| connection);
        Ok(Self {
            locks: locks.collect(),
            snapshots,
        })
    }

    /// Lets writers go on.
    pub async fn release(self) -> Vec<Snapshot> {
        for mut lock in self.locks {
            // Closing it lets go as well.
            let _unlocked = lock.execute("ROLLBACK").await;
            let _closed = lock.close().await;
        }
        self.snapshots
    }
}

impl Snapshot {
    async fn begin(file: &Path, keeps_log: bool) -> Result<Self, FileError> {
        let failed = |error| FileError::of(file, &error);
        let mut connection = beside(file, keeps_log).await?;
        let pages = async {
            connection.execute("BEGIN").await?;
            // The moment is that of the first read.
            sqlx::query_scalar::<_, i64>("SELECT count(*) FROM sqlite_schema")
                .fetch_one(&mut connection)
                .await?;
            let count: i64 = scalar(&mut connection, "PRAGMA page_count").await?;
            let size: i64 = scalar(&mut connection, "PRAGMA page_size").await?;
            Ok(count * size)
        };
        let size: i64 = pages.await.map_err(failed)?;
        Ok(Self {
            file: file.to_owned(),
            connection,
            size_bytes: u64::try_from(size).unwrap_or_default(),
        })
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// How long the copy will be.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Writes the file as it was into another one, readable by its owner alone, and looks the copy through. False where
    /// `stop` came first; what is written is then of no use.
    ///
    /// # Errors
    /// The file can't be read or is damaged, or the copy can't be written.
    pub async fn copy(
        self,
        target: &Path,
        progress: Progress,
        stop: &CancellationToken,
    ) -> Result<bool, FileError> {
        make_private(target).map_err(|error| FileError::of_system(target, &error))?;
        let made = open(target, Access::Write).await;
        let made = made.map_err(|error| FileError::of(target, &error))?;
        let (file, stop) = (self.file.clone(), stop.clone());
        let copied = tokio::task::spawn_blocking(move || {
            Handle::current().block_on(copy(self, made, progress, stop))
        });
        let is_whole = match copied.await {
            Ok(Ok(Ok(is_whole))) => is_whole,
            Ok(Ok(Err(code))) => return Err(FileError::of_copy(&file, target, code)),
            Ok(Err(error)) => return Err(FileError::of(target, &error)),
            Err(died) => {
                let cause = died.to_string();
                return Err(FileError::Other { file, cause });
            }
        };
        if is_whole {
            let found = finish(target).await;
            let found = found.map_err(|error| FileError::of(target, &error))?;
            if let Found::Damage(found) = found {
                return Err(FileError::Damaged { file, found });
            }
        }
        Ok(is_whole)
    }
}

/// Whether a log is beside a file, or must be.
fn has_or_needs_log(file: &Path) -> bool {
    is_marked(file) || log_of(file).exists()
}

/// A connection to a file that is another process's.
async fn beside(file: &Path, keeps_log: bool) -> Result<SqliteConnection, FileError> {
    let connection = async {
        let mut connection = open(file, Access::Write).await?;
        if keeps_log {
            keep_log(&mut connection).await?;
        }
        Ok(connection)
    };
    connection
        .await
        .map_err(|error| FileError::of(file, &error))
}

/// Locks all files or none; else tells which one is another's.
async fn lock_all(
    files: &mut [(PathBuf, SqliteConnection)],
) -> Result<Result<(), PathBuf>, FileError> {
    let until = Instant::now() + TOGETHER;
    for at in 0..files.len() {
        let Some((file, connection)) = files.get_mut(at) else {
            break;
        };
        let file = file.clone();
        match lock(connection, until).await {
            Ok(true) => {}
            Ok(false) => {
                for (_, locked) in files.iter_mut().take(at) {
                    let _unlocked = locked.execute("ROLLBACK").await;
                }
                return Ok(Err(file));
            }
            Err(error) => return Err(FileError::of(&file, &error)),
        }
    }
    Ok(Ok(()))
}

/// Takes a file's write lock between two transactions of others.
async fn lock(connection: &mut SqliteConnection, until: Instant) -> sqlx::Result<bool> {
    // SQLite's own waiting sleeps longer from look to look, and rarely finds the gap between busy writers.
    connection.execute("PRAGMA busy_timeout = 0").await?;
    loop {
        match connection.execute("BEGIN IMMEDIATE").await {
            Ok(_) => return Ok(true),
            Err(error) if !is_taken(&error) => return Err(error),
            Err(_) if Instant::now() >= until => return Ok(false),
            Err(_) => tokio::time::sleep(GLANCE).await,
        }
    }
}

fn is_taken(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    let code = code.and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
}

async fn scalar(connection: &mut SqliteConnection, sql: &'static str) -> sqlx::Result<i64> {
    sqlx::query_scalar(sql).fetch_one(connection).await
}

async fn copy(
    snapshot: Snapshot,
    mut target: SqliteConnection,
    progress: Progress,
    stop: CancellationToken,
) -> sqlx::Result<Result<bool, c_int>> {
    let mut source = snapshot.connection;
    // Nobody reads the copy before it is whole and in place.
    for pragma in ["PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF"] {
        target.execute(pragma).await?;
    }
    let page: i64 = scalar(&mut source, "PRAGMA page_size").await?;
    let page = u64::try_from(page).unwrap_or_default();
    let is_whole = {
        let mut from = source.lock_handle().await?;
        let mut into = target.lock_handle().await?;
        copy_pages(&mut from, &mut into, |done, _all| {
            progress(done * page);
            !stop.is_cancelled()
        })
    };
    source.execute("ROLLBACK").await?;
    if says_in_use(&mut source).await? {
        // A platform has started since.
        keep_log(&mut source).await?;
    }
    source.close().await?;
    target.close().await?;
    Ok(is_whole)
}

/// Looks a copy through to its end, and has it stand for itself.
async fn finish(target: &Path) -> sqlx::Result<Found> {
    let mut connection = open(target, Access::Write).await?;
    let found = look_through(&mut connection, TO_THE_END).await?;
    mark_copy(&mut connection).await?;
    connection.close().await?;
    Ok(found)
}
