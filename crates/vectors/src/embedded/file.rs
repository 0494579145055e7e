//! The file: its tables, its connections, and what is done with one that can't be used.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use platform::folders::make_private;
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{self, SqlitePool};
use storage::Storage;
use storage::database::is_settled;
use storage::database::sqlite::{BACKSTOP_BYTES, Checkpoints, LIMIT_BYTES, keep_needed_log};

use super::distance;

const READ_CONNECTIONS: u32 = 4;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// SQLite's codes for a file that is damaged or never was a database.
const BROKEN: [i32; 2] = [11, 26];
/// What is added to the name of one that is out of the way.
pub(crate) const BROKEN_SUFFIX: &str = ".broken";
/// What SQLite keeps beside a file.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// Ordered by partition, so that a search reads neighbours.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS collection (model TEXT NOT NULL, dimensions INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS points (
    partition BLOB NOT NULL,
    id BLOB NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (partition, id)
) WITHOUT ROWID;
";

/// Where a collection is kept, and what it is of.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    model: String,
    dimensions: usize,
    storage: Storage,
}

/// One connection for writes, which SQLite takes one at a time, and some for searches. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Pools(Arc<State>);

#[derive(Debug)]
struct State {
    read: SqlitePool,
    write: SqlitePool,
    checkpoints: Checkpoints,
}

impl Pools {
    pub(super) fn read(&self) -> &SqlitePool {
        &self.0.read
    }

    pub(super) fn write(&self) -> &SqlitePool {
        &self.0.write
    }

    /// Notes that something was written.
    pub(super) fn wrote(&self) {
        self.0.checkpoints.committed();
    }

    pub(super) fn are_same(&self, others: &Self) -> bool {
        Arc::ptr_eq(&self.0, &others.0)
    }

    pub(super) async fn close(&self) {
        self.0.checkpoints.finish().await;
        self.read().close().await;
        self.write().close().await;
    }
}

impl File {
    pub(super) fn new(path: &Path, model: &str, dimensions: usize, storage: &Storage) -> Self {
        Self {
            path: path.to_owned(),
            model: model.to_owned(),
            dimensions,
            storage: storage.clone(),
        }
    }

    pub(super) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Opens the file, making it if need be. It is emptied if it is of another model or length.
    pub(super) async fn open(&self) -> sqlx::Result<Pools> {
        make_private(&self.path)?;
        distance::teach_sqlite()?;
        let write = self.connect(1).await?;
        self.mark().await;
        self.make_tables(&write).await?;
        let read = self.connect(READ_CONNECTIONS).await?;
        let checkpoints = Checkpoints::of(&self.path, write.clone());
        checkpoints.keep_emptying(&self.storage.tasks);
        Ok(Pools(Arc::new(State {
            read,
            write,
            checkpoints,
        })))
    }

    /// Puts the broken file out of the way, where it can be looked at. It replaces the one before.
    pub(super) async fn move_aside(&self, error: &sqlx::Error) -> io::Result<()> {
        if let Some(in_use) = &self.storage.in_use {
            in_use.forget(&self.path).await;
        }
        move_aside(&self.path, error)
    }

    /// Has a copy of the file without its log tell that it isn't whole. Where it can't be written, its vectors are of use still.
    async fn mark(&self) {
        let Some(in_use) = &self.storage.in_use else {
            return;
        };
        if let Err(error) = self.storage.note(&self.path) {
            tracing::warn!(%error, "the data folder can't be written: should the file of vectors get lost, nobody will be told");
        }
        if let Err(problem) = in_use.mark(&self.path).await {
            tracing::warn!(%problem, "the file of vectors can't be marked as in use: a copy without its log won't be noticed");
        }
    }

    async fn make_tables(&self, write: &SqlitePool) -> sqlx::Result<()> {
        let mut transaction = write.begin().await?;
        sqlx::raw_sql(TABLES).execute(&mut *transaction).await?;
        let dimensions = i64::try_from(self.dimensions).unwrap_or(i64::MAX);
        let is_ours = sqlx::query("SELECT 1 FROM collection WHERE model = ? AND dimensions = ?")
            .bind(&self.model)
            .bind(dimensions)
            .fetch_optional(&mut *transaction)
            .await?
            .is_some();
        if !is_ours {
            sqlx::raw_sql("DELETE FROM points; DELETE FROM collection")
                .execute(&mut *transaction)
                .await?;
            sqlx::query("INSERT INTO collection VALUES (?, ?)")
                .bind(&self.model)
                .bind(dimensions)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }

    async fn connect(&self, connections: u32) -> sqlx::Result<SqlitePool> {
        let page_bytes = page_bytes(self.dimensions);
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .page_size(page_bytes)
            .journal_mode(SqliteJournalMode::Wal)
            // A machine that dies may take the last points with it, but never leaves the file broken.
            .synchronous(SqliteSynchronous::Normal)
            .pragma(
                "wal_autocheckpoint",
                (BACKSTOP_BYTES / page_bytes).to_string(),
            )
            .pragma("journal_size_limit", LIMIT_BYTES.to_string())
            // Vectors tell of the text that they were made of.
            .pragma("secure_delete", "ON")
            .busy_timeout(ACQUIRE_TIMEOUT);
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_release(is_settled)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // A file that can't be read fails the next statement, which tells; this would be tried again for long.
                    let _kept = keep_needed_log(connection).await;
                    Ok(())
                })
            })
            // A file doesn't go away, and the test costs as much as a short query.
            .test_before_acquire(false)
            .connect_with(options)
            .await
    }
}

/// Puts a file that can't be used out of the way, and tells. It replaces the one before.
pub(crate) fn move_aside(file: &Path, error: &dyn Display) -> io::Result<()> {
    let aside = beside(file, BROKEN_SUFFIX);
    fs::rename(file, &aside)?;
    for companion in COMPANIONS {
        match fs::remove_file(beside(file, companion)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let (file, aside) = (file.display(), aside.display());
    tracing::warn!(%error, %file, %aside, "the file of vectors is broken and was replaced by an empty one: run `troupe memory rebuild`");
    Ok(())
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(file);
    path.push(suffix);
    path.into()
}

/// Whether an error says that the file can't be used any more.
pub(super) fn is_broken(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    // Only the lowest byte is the kind; the rest tells more of it.
    let code = code.and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| BROKEN.contains(&(code & 0xff)))
}

/// The pages of a new file: they hold at least four rows, because a row of more than a quarter of a page is split over two.
fn page_bytes(dimensions: usize) -> u32 {
    const SIZES: [u32; 3] = [8192, 16384, 32768];
    /// Partition, id, and what SQLite adds.
    const BESIDE_THE_VECTOR: usize = 96;
    let row = dimensions * size_of::<f32>() + BESIDE_THE_VECTOR;
    let fits = |size: &u32| row <= *size as usize / 4;
    SIZES.into_iter().find(fits).unwrap_or(65536)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_several_vectors() {
        assert_eq!(page_bytes(384), 8192);
        assert_eq!(page_bytes(768), 16384);
        assert_eq!(page_bytes(1536), 32768);
        assert_eq!(page_bytes(3072), 65536);
    }
}
