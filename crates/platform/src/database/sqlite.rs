//! SQLite in WAL mode, a file for each service.
//!
//! SQLite takes one writer at a time, and a transaction that reads first and writes later fails under another's write.
//! So there are two pools: one connection for all write transactions, several for reads. Callers wait in the pool's
//! queue instead of meeting `database is locked`.

mod checkpoint;

use std::path::Path;
use std::time::Duration;

use sea_orm::{ConnectOptions, DatabaseConnection, DbErr};
use sea_orm_migration::MigratorTrait;

use self::checkpoint::BACKSTOP_PAGES;
use super::{Connection, Database, OpenError};
use crate::folders::make_private;

pub(super) use self::checkpoint::Checkpoints;

const READ_CONNECTIONS: u32 = 8;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens a file, making it and its folder if need be, and brings its tables up to date.
pub(super) async fn open<M: MigratorTrait>(file: &Path) -> Result<Database, OpenError> {
    let failed = |source| OpenError::File {
        file: file.to_owned(),
        source,
    };
    make_private(file).map_err(|e| failed(DbErr::Custom(e.to_string())))?;
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let write = connect(&url, 1).await.map_err(failed)?;
    M::up(&write, None).await.map_err(failed)?;
    let read = connect(&url, READ_CONNECTIONS).await.map_err(failed)?;
    Ok(Database {
        read: Connection::to_file(read),
        write: Connection::to_file(write),
        checkpoints: Some(Checkpoints::default()),
    })
}

/// Opens a file that is there, as it is.
pub(super) async fn attach(file: &Path) -> Result<Database, OpenError> {
    let failed = |source| OpenError::File {
        file: file.to_owned(),
        source,
    };
    let url = format!("sqlite://{}?mode=rw", file.display());
    Ok(Database {
        read: Connection::to_file(connect(&url, 1).await.map_err(failed)?),
        write: Connection::to_file(connect(&url, 1).await.map_err(failed)?),
        checkpoints: Some(Checkpoints::default()),
    })
}

async fn connect(url: &str, connections: u32) -> Result<DatabaseConnection, DbErr> {
    use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A file doesn't go away, and the test costs as much as a short query.
        .test_before_acquire(false)
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
