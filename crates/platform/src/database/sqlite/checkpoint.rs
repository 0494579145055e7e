//! Folds SQLite's log into its file beside the writing.
//!
//! Left to itself, SQLite does so in the commit that fills the log, which then waits for the disk: with one writer, a
//! pause of tens of milliseconds for everybody, every few hundred commits. On a connection of its own, writers go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use tokio_util::task::TaskTracker;

use crate::Tasks;

/// Commits after which the log is folded in: some megabytes of it.
const COMMITS: u32 = 200;
/// Pages of the log after which a commit does it nevertheless, because this one can't keep up.
pub(super) const BACKSTOP_PAGES: &str = "16000";

/// How often the log is emptied, so that what was deleted doesn't stay in it. README names this time.
const EMPTIED_EVERY: Duration = Duration::from_secs(300);

/// Counts commits and folds the log in from time to time. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(in crate::database) struct Checkpoints(Arc<State>);

#[derive(Debug, Default)]
struct State {
    commits: AtomicU32,
    is_running: AtomicBool,
    /// Whether something may be in the log.
    is_used: AtomicBool,
    tasks: TaskTracker,
}

impl Checkpoints {
    /// Notes a commit. At times this starts a task on `connection`.
    pub(in crate::database) fn committed(&self, connection: &DatabaseConnection) {
        let state = &self.0;
        state.is_used.store(true, Ordering::Release);
        let is_due = state.commits.fetch_add(1, Ordering::Relaxed) + 1 >= COMMITS;
        if !is_due || state.is_running.swap(true, Ordering::AcqRel) {
            return;
        }
        state.commits.store(0, Ordering::Relaxed);
        let (state, connection) = (Arc::clone(state), connection.clone());
        let tasks = state.tasks.clone();
        tasks.spawn(async move {
            // Passive: it takes what it can without waiting for anybody or holding anybody up.
            let folded = connection.execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)");
            if let Err(error) = folded.await {
                tracing::warn!(%error, "the database's log can't be folded into its file");
            }
            state.is_running.store(false, Ordering::Release);
        });
    }

    /// Empties the log every few minutes.
    pub(in crate::database) fn keep_emptying(&self, tasks: &Tasks, db: DatabaseConnection) {
        let (checkpoints, token) = (self.clone(), tasks.token().clone());
        let emptying = async move {
            loop {
                tokio::time::sleep(EMPTIED_EVERY).await;
                if let Err(error) = checkpoints.empty(&db).await {
                    tracing::warn!(%error, "the database's log can't be emptied");
                }
            }
        };
        let _tracked = tasks.spawn(token.run_until_cancelled_owned(emptying));
    }

    /// Folds in all of the log, and cuts it off.
    async fn empty(&self, db: &DatabaseConnection) -> Result<(), DbErr> {
        if !self.0.is_used.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        // The second holds writers up, and has little left to do after the first.
        for fold in ["PASSIVE", "TRUNCATE"] {
            let fold = format!("PRAGMA wal_checkpoint({fold})");
            db.execute_unprepared(&fold).await?;
        }
        Ok(())
    }

    /// Waits for a task that runs.
    pub(in crate::database) async fn finish(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sea_orm::DbErr;
    use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

    use super::*;
    use crate::{Database, Host};

    struct NoTables;

    #[async_trait::async_trait]
    impl MigratorTrait for NoTables {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            Vec::new()
        }
    }

    async fn execute(db: &Database, sql: &'static str) {
        let done = db
            .transaction(|tx| Box::pin(async move { tx.execute_unprepared(sql).await.map(drop) }));
        done.await.unwrap();
    }

    /// Whether the file alone, without the log beside it, knows the table.
    async fn knows_table(file: &Path, folder: &Path) -> Result<bool, DbErr> {
        let copy = folder.join("copy.sqlite");
        std::fs::copy(file, &copy).unwrap();
        let url = format!("sqlite://{}", copy.display());
        let db = sea_orm::Database::connect(url).await?;
        Ok(db.execute_unprepared("SELECT * FROM t").await.is_ok())
    }

    #[tokio::test]
    async fn folds_the_log_into_the_file_from_time_to_time() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::new(folder.path());
        let file = host.database_file("test");
        let db = Database::open::<NoTables>(&host, "test").await.unwrap();
        execute(&db, "CREATE TABLE t (n INTEGER)").await;
        assert!(!knows_table(&file, folder.path()).await.unwrap());
        for _ in 1..COMMITS {
            execute(&db, "INSERT INTO t VALUES (1)").await;
        }
        db.checkpoints.as_ref().unwrap().finish().await;
        assert!(knows_table(&file, folder.path()).await.unwrap());
    }

    #[tokio::test]
    async fn nothing_of_what_was_deleted_stays_in_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open::<NoTables>(&Host::new(folder.path()), "test").await;
        let db = db.unwrap();
        let holds_text = || {
            let files = std::fs::read_dir(folder.path()).unwrap();
            let mut texts = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
            texts.any(|text| text.windows(9).any(|part| part == b"a secret!"))
        };
        execute(&db, "CREATE TABLE t (text TEXT)").await;
        let insert =
            "INSERT INTO t SELECT printf('a secret!%.3000c', 'x') FROM (VALUES (1), (2), (3), (4))";
        execute(&db, insert).await;
        let checkpoints = db.checkpoints.as_ref().unwrap();
        checkpoints.empty(&db.read.pool()).await.unwrap();
        assert!(holds_text());
        execute(&db, "DELETE FROM t").await;
        checkpoints.empty(&db.read.pool()).await.unwrap();
        assert!(!holds_text());
    }
}
