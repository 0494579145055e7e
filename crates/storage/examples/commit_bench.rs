//! What it costs that an acknowledged write survives a power cut: commits of a row a second, and what each takes, with
//! `database.durability` at `power` and at `process`, and with SQLite's own sync in each commit. The files are in the current
//! folder, so that they are on the disk that is meant.
//!
//!     cargo run --release -p troupe-platform --example commit_bench
#![expect(clippy::print_stdout, reason = "it prints what it measures")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};
use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};
use troupe_storage::{Database, Durability, Storage};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const TABLE: &str = "CREATE TABLE rows_of_bench (text TEXT NOT NULL)";
const INSERT: &str = "INSERT INTO rows_of_bench VALUES (printf('%.200c', 'x'))";
/// Who write at the same time.
const WRITERS: [usize; 3] = [1, 16, 64];
const EACH: Duration = Duration::from_secs(3);

struct NoTables;

#[async_trait::async_trait]
impl MigratorTrait for NoTables {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        Vec::new()
    }
}

/// How a row is written.
enum Store {
    Ours(Database),
    Sqlite(DatabaseConnection),
}

impl Store {
    async fn insert(&self) -> Result<(), DbErr> {
        match self {
            Self::Ours(db) => {
                let insert = db.transaction(|tx| {
                    Box::pin(async move { tx.execute_unprepared(INSERT).await.map(drop) })
                });
                insert.await
            }
            Self::Sqlite(db) => {
                let transaction = db.begin().await?;
                transaction.execute_unprepared(INSERT).await?;
                transaction.commit().await
            }
        }
    }
}

async fn ours(folder: &Path, durability: Durability) -> Outcome<Store> {
    let mut storage = Storage::new(folder);
    storage.database.durability = durability;
    let db = Database::open::<NoTables>(&storage, "bench").await?;
    let table =
        db.transaction(|tx| Box::pin(async move { tx.execute_unprepared(TABLE).await.map(drop) }));
    let made: Result<(), DbErr> = table.await;
    made?;
    Ok(Store::Ours(db))
}

async fn sqlite(folder: &Path) -> Outcome<Store> {
    let url = format!("sqlite://{}?mode=rwc", folder.join("full.sqlite").display());
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(60))
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "FULL")
        });
    let db = sea_orm::Database::connect(options).await?;
    db.execute_unprepared(TABLE).await?;
    Ok(Store::Sqlite(db))
}

/// Writes for a while, and gives what each write took.
async fn writer(store: &Store, until: Instant) -> Result<Vec<Duration>, DbErr> {
    let mut took = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        store.insert().await?;
        took.push(begun.elapsed());
    }
    Ok(took)
}

async fn measure(name: &str, store: &Store) -> Outcome<()> {
    for writers in WRITERS {
        let begun = Instant::now();
        let writing = (0..writers).map(|_| writer(store, begun + EACH));
        let mut took = try_join_all(writing).await?.concat();
        let rate = took.len() as f64 / begun.elapsed().as_secs_f64();
        took.sort();
        let median = took[took.len() / 2].as_secs_f64() * 1e3;
        println!("{name}_{writers}_per_second {rate:.0}");
        println!("{name}_{writers}_median_ms {median:.3}");
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    for name in ["power", "process", "full"] {
        let folder = tempfile::tempdir_in(".")?;
        let store = match name {
            "power" => ours(folder.path(), Durability::Power).await?,
            "process" => ours(folder.path(), Durability::Process).await?,
            _ => sqlite(folder.path()).await?,
        };
        measure(name, &store).await?;
    }
    Ok(())
}
