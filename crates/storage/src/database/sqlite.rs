//! SQLite in WAL mode, a file for each service.
//!
//! SQLite takes one writer at a time, and a transaction that reads first and writes later fails under another's write.
//! So there are two pools: one connection for all write transactions, several for reads. Callers wait in the pool's
//! queue instead of meeting `database is locked`.

mod checkpoint;
mod condition;
mod damage;
mod fold;
mod handle;
mod header;
mod log;
mod mark;
mod moment;
mod problem;
mod settled;
mod sync;

use std::path::{Path, PathBuf};
use std::time::Duration;

use platform::folders::make_private;
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr, TransactionTrait};
use sea_orm_migration::MigratorTrait;
use tokio_util::task::TaskTracker;

use self::handle::keep_log;
use self::mark::is_marked;
use self::problem::log_of;
use super::inspect::{Inspection, first_text, migrations, unknown_migration};
use super::storing::Storing;
use super::{Connection, Database, OpenError};

pub use self::checkpoint::{BACKSTOP_BYTES, Checkpoints, LIMIT_BYTES, outgrown_log};
pub use self::condition::{Care, Condition, examine, refuse_newer};
pub(crate) use self::mark::application_id;
pub use self::mark::keep_needed_log;
pub use self::mark::{InUse, refuse_without_own_log};
pub use self::moment::{Progress, Snapshot, Standstill};
pub use self::problem::FileError;
pub use self::settled::is_settled;
pub(super) use self::sync::Syncs;

/// The address of a file whose path is said otherwise: here a question mark or a percent sign of a folder's name would be taken
/// for one of the address.
const SOME_FILE: &str = "sqlite://file";
const READ_CONNECTIONS: u32 = 8;
/// As a call to PostgreSQL: within two seconds it has a connection, or says that it has none.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long SQLite waits for another program's lock before the waiting is known of. It is asked again, for as long as all of it may take.
const LOCK_TIMEOUT: Duration = Duration::from_millis(100);
/// Those of SQLite's files, unless they were made with others.
const PAGE_BYTES: u32 = 4096;
/// Pages that each connection keeps in memory. What others write empties a connection's cache, and the system has the file in
/// memory too: a larger one grows with the file, and hardly saves time.
const CACHE_KIB: u32 = 512;

/// Looks at a file, which must be there.
pub(super) async fn inspect(file: &Path) -> Result<Inspection, OpenError> {
    let inspection = look(file.to_owned()).await;
    inspection.map_err(|error| FileError::of_layer(file, &error).into())
}

async fn look(file: PathBuf) -> Result<Inspection, DbErr> {
    let mut options = ConnectOptions::new(SOME_FILE);
    options.map_sqlx_sqlite_opts(move |sqlite| sqlite.filename(&file).read_only(true));
    let db = sea_orm::Database::connect(options).await?;
    let inspection = Inspection {
        version: first_text(&db, "SELECT sqlite_version()").await?,
        migrations: migrations(&db).await?,
    };
    db.close().await?;
    Ok(inspection)
}

/// Opens a file, making it and its folder if need be, and brings its tables up to date.
pub(super) async fn open<M: MigratorTrait>(file: &Path) -> Result<Database, OpenError> {
    let failed = |error| FileError::of_layer(file, &error);
    make_private(file).map_err(|error| FileError::of_system(file, &error))?;
    let write = sea_orm::Database::connect(options(file, Use::Write, 1));
    let write = write.await.map_err(failed)?;
    if let Some(migration) = unknown_migration::<M, _>(&write).await.map_err(failed)? {
        let file = file.to_owned();
        return Err(FileError::Newer { file, migration }.into());
    }
    migrate::<M>(&write).await.map_err(failed)?;
    let read = sea_orm::Database::connect(options(file, Use::Read, READ_CONNECTIONS));
    let read = read.await.map_err(failed)?;
    let checkpoints = Checkpoints::of(file, write.get_sqlite_connection_pool().clone());
    Ok(Database {
        checkpoints: Some(checkpoints),
        ..database(file, (read, READ_CONNECTIONS), write)
    })
}

/// Opens a file that is there, as it is, and leaves a log that it needs where it is.
pub(super) async fn attach(file: &Path) -> Result<Database, OpenError> {
    let failed = |error| FileError::of_layer(file, &error);
    let needs_log = is_marked(file);
    if needs_log && !log_of(file).exists() {
        // Opening it would make an empty one.
        let file = file.to_owned();
        return Err(FileError::WithoutLog { file }.into());
    }
    let connect = |purpose| {
        let mut options = options(file, purpose, 1);
        if needs_log {
            options.map_sqlx_sqlite_pool_opts(|pool| {
                pool.after_release(is_settled)
                    .after_connect(|connection, _| Box::pin(keep_log(connection)))
            });
        }
        sea_orm::Database::connect(options)
    };
    let read = connect(Use::Read).await.map_err(failed)?;
    let write = connect(Use::Write).await.map_err(failed)?;
    Ok(database(file, (read, 1), write))
}

/// The store in a file, with so many connections for reads.
fn database(
    file: &Path,
    (read, reads): (DatabaseConnection, u32),
    write: DatabaseConnection,
) -> Database {
    Database {
        read: Connection::to_file(read, reads),
        write: Connection::to_file(write, 1),
        checkpoints: None,
        syncs: Some(Syncs::of(file)),
        storing: Storing::default(),
        endings: TaskTracker::new(),
    }
}

/// Brings the tables up to date, all or nothing: a start that fails half-way begins again from where it was.
async fn migrate<M: MigratorTrait>(db: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = db.begin().await?;
    M::up(&transaction, None).await?;
    transaction.commit().await
}

#[derive(Clone, Copy)]
enum Use {
    /// A write would be outside of a transaction, and is refused.
    Read,
    Write,
}

/// For a file that is there.
fn options(file: &Path, purpose: Use, connections: u32) -> ConnectOptions {
    use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
    let file = file.to_owned();
    let mut options = ConnectOptions::new(SOME_FILE);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .map_sqlx_sqlite_pool_opts(|pool| pool.after_release(is_settled))
        // A file doesn't go away, and the test costs as much as a short query.
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            let (query_only, busy_timeout) = match purpose {
                Use::Read => ("ON", ACQUIRE_TIMEOUT),
                Use::Write => ("OFF", LOCK_TIMEOUT),
            };
            sqlite
                .filename(&file)
                .journal_mode(SqliteJournalMode::Wal)
                // The log is synced by us, for many commits at a time. In WAL mode NORMAL loses nothing when the process dies,
                // and never leaves the file broken.
                .synchronous(SqliteSynchronous::Normal)
                .foreign_keys(true)
                .pragma(
                    "wal_autocheckpoint",
                    (BACKSTOP_BYTES / PAGE_BYTES).to_string(),
                )
                .pragma("journal_size_limit", LIMIT_BYTES.to_string())
                .pragma("query_only", query_only)
                .pragma("cache_size", format!("-{CACHE_KIB}"))
                // What people delete is overwritten.
                .pragma("secure_delete", "ON")
                .busy_timeout(busy_timeout)
        });
    options
}
