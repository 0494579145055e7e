//! The relational store: SQLite in WAL mode, a file for each service.
//!
//! SQLite takes one writer at a time, and a transaction that reads first and writes later fails under another's write.
//! So there are two pools: one connection for all write transactions, several for reads. Callers wait in the pool's
//! queue instead of meeting `database is locked`.

mod after_commit;
mod checkpoint;

use std::future::Future;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use sea_orm::{
    ConnectOptions, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait, QueryOrder,
    TransactionTrait,
};
use sea_orm_migration::{MigratorTrait, seaql_migrations};

pub use self::after_commit::after_commit;

use self::after_commit::Hooks;
use self::checkpoint::{BACKSTOP_PAGES, Checkpoints};

const READ_CONNECTIONS: u32 = 8;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// The store of one service.
#[derive(Debug, Clone)]
pub struct Database {
    read: DatabaseConnection,
    write: DatabaseConnection,
    checkpoints: Checkpoints,
}

/// A future of a transaction's body, borrowed from its transaction.
pub type TransactionFuture<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

impl Database {
    /// Opens the SQLite file of a service, making it and its folder if need be, and brings its tables up to date.
    pub async fn open<M: MigratorTrait>(file: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError {
            file: file.to_owned(),
            source,
        };
        make_private(file).map_err(|e| failed(DbErr::Custom(e.to_string())))?;
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let write = connect(&url, 1).await.map_err(failed)?;
        M::up(&write, None).await.map_err(failed)?;
        let read = connect(&url, READ_CONNECTIONS).await.map_err(failed)?;
        let checkpoints = Checkpoints::default();
        Ok(Self {
            read,
            write,
            checkpoints,
        })
    }

    /// The names of the migrations that a file has behind it, oldest first. Changes nothing.
    pub async fn migrations_in(file: &Path) -> Result<Vec<String>, OpenError> {
        let failed = |source| OpenError {
            file: file.to_owned(),
            source,
        };
        let url = format!("sqlite://{}?mode=ro", file.display());
        let connection = sea_orm::Database::connect(ConnectOptions::new(url))
            .await
            .map_err(failed)?;
        let applied = seaql_migrations::Entity::find()
            .order_by_asc(seaql_migrations::Column::Version)
            .all(&connection)
            .await
            .map_err(failed)?;
        Ok(applied.into_iter().map(|row| row.version).collect())
    }

    /// The connection for reads that need no transaction with a write.
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// Runs a body in a write transaction: all of it happens, or nothing does.
    pub async fn transaction<T, E, F>(&self, body: F) -> Result<T, E>
    where
        T: Send,
        E: From<DbErr> + Send,
        F: for<'a> FnOnce(&'a DatabaseTransaction) -> TransactionFuture<'a, T, E> + Send,
    {
        let transaction = self.write.begin().await?;
        let (done, hooks) = Hooks::gather(body(&transaction)).await;
        match done {
            Ok(value) => {
                transaction.commit().await?;
                hooks.run();
                self.checkpoints.committed(&self.read);
                Ok(value)
            }
            Err(error) => {
                // The error of the body matters more than that of the rollback, which dropping does as well.
                let _ = transaction.rollback().await;
                Err(error)
            }
        }
    }

    /// Closes the connections; SQLite then folds its log into the file.
    pub async fn close(self) -> Result<(), DbErr> {
        self.checkpoints.finish().await;
        self.read.close().await?;
        self.write.close().await
    }
}

/// A database that can't be opened.
#[derive(Debug, thiserror::Error)]
#[error("the database {} can't be opened: {source}", file.display())]
pub struct OpenError {
    file: PathBuf,
    #[source]
    source: DbErr,
}

/// Makes the file, and its folder, so that only its owner can read it: it may hold keys, and surely holds what people
/// write. SQLite gives the files beside it the same permissions.
fn make_private(file: &Path) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true).mode(0o600);
    options.open(file).map(drop)
}

async fn connect(url: &str, connections: u32) -> Result<DatabaseConnection, DbErr> {
    use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                // In WAL mode NORMAL loses nothing when the process dies, only when the machine does.
                .synchronous(SqliteSynchronous::Normal)
                .foreign_keys(true)
                .pragma("wal_autocheckpoint", BACKSTOP_PAGES)
                .busy_timeout(ACQUIRE_TIMEOUT)
        });
    sea_orm::Database::connect(options).await
}
