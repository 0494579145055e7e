//! What was acknowledged is stored, whatever fails: at each write of SQLite in turn, in the middle of bodies, on a full disk.

mod faults;
mod postgres;
mod put_off;
mod readiness;
mod stops;

use std::collections::BTreeSet;
use std::ffi::c_int;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use libsqlite3_sys::{
    SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE, SQLITE_NOMEM, SQLITE_READONLY,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::prelude::*;
use troupe_storage::database::{Outage, Transaction, after_commit};
use troupe_storage::{Database, Storage};

use self::faults::{Disk, Fault};

/// Nothing that happens takes this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Stores something after some work.
const SLOW: &str = "INSERT INTO entries SELECT 1, 0, count(*) FROM (
    WITH RECURSIVE numbers(n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM numbers WHERE n < 500000) SELECT n FROM numbers
)";
/// Rows of an entry: all of them are stored, or none.
const PARTS: i64 = 3;

pub(super) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Entries)]
    }
}

#[derive(DeriveMigrationName)]
struct Entries;

#[async_trait::async_trait]
impl MigrationTrait for Entries {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        for table in [
            "CREATE TABLE entries (id bigint NOT NULL, part bigint NOT NULL, text text NOT NULL, PRIMARY KEY (id, part))",
            "CREATE INDEX entries_by_part ON entries (part)",
        ] {
            db.execute_unprepared(table).await?;
        }
        Ok(())
    }
}

pub(super) async fn insert(
    db: &impl ConnectionTrait,
    id: i64,
    part: i64,
    text: &str,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO entries VALUES ($1, $2, $3)";
    let values = [id.into(), part.into(), text.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    db.execute_raw(statement).await.map(drop)
}

async fn insert_all(tx: &Transaction<'_>, id: i64, text: &str) -> Result<(), DbErr> {
    insert(tx, id, 0, text).await?;
    for part in 1..PARTS {
        put_off::insert(tx, id, part, text);
    }
    Ok(())
}

async fn insert_at_once(db: &impl ConnectionTrait, id: i64, text: &str) -> Result<(), DbErr> {
    let sql = "INSERT INTO entries VALUES ($1, 0, $2), ($1, 1, $2), ($1, 2, $2)";
    let values = [id.into(), text.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    db.execute_raw(statement).await.map(drop)
}

/// What was written, and what became of it.
#[derive(Debug, Default)]
struct Ledger {
    next: i64,
    acknowledged: BTreeSet<i64>,
    /// Whose hooks ran.
    told: Arc<Mutex<BTreeSet<i64>>>,
}

impl Ledger {
    /// Writes an entry of a size, each second one by one statement alone, and notes whether that was acknowledged.
    async fn write(&mut self, db: &Database, part_bytes: usize) -> Result<(), DbErr> {
        self.next += 1;
        let (id, told, text) = (self.next, &self.told, &"x".repeat(part_bytes));
        if id % 2 == 0 {
            insert_at_once(&db.unsynced().statements(), id, text).await?;
            told.lock().unwrap().insert(id);
            self.acknowledged.insert(id);
            return Ok(());
        }
        let write = db.transaction(|tx| {
            Box::pin(async move {
                let told = told.clone();
                after_commit(move || told.lock().unwrap().extend([id]));
                insert_all(tx, id, text).await
            })
        });
        write.await?;
        self.acknowledged.insert(id);
        Ok(())
    }

    /// Compares with what a new process finds in the file.
    async fn matches(&self, file: &Path) {
        let url = format!("sqlite://{}?mode=rw", file.display());
        let found = sea_orm::Database::connect(url).await.unwrap();
        let stored = stored(&found).await;
        found.close().await.unwrap();
        let lost: Vec<_> = self.acknowledged.difference(&stored).collect();
        assert!(
            lost.is_empty(),
            "lost of {}: {lost:?}",
            self.acknowledged.len()
        );
        let told = self.told.lock().unwrap();
        let untrue: Vec<_> = told.difference(&stored).collect();
        assert!(untrue.is_empty(), "told and not stored: {untrue:?}");
        let untold: Vec<_> = self.acknowledged.difference(&told).collect();
        assert!(untold.is_empty(), "stored and not told: {untold:?}");
    }
}

/// The entries that are stored; all of them are whole.
pub(super) async fn stored(db: &impl ConnectionTrait) -> BTreeSet<i64> {
    let sql = "SELECT id, count(*) FROM entries GROUP BY id";
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap();
    let whole = rows.iter().map(|row| {
        let parts: i64 = row.try_get_by_index(1).unwrap();
        assert_eq!(parts, PARTS, "an entry is half there");
        row.try_get_by_index(0).unwrap()
    });
    whole.collect()
}

async fn open(storage: &Storage) -> Database {
    Database::open::<Migrator>(storage, "entries")
        .await
        .unwrap()
}

/// Tries until a condition holds.
pub(super) async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let trying = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let tried = tokio::time::timeout(PATIENCE, trying).await;
    tried.unwrap_or_else(|_| panic!("it never happened: {what}"));
}

/// One life of a process in which every operation of writes fails in turn.
async fn survives(code: c_int, is_torn: bool) {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::new(folder.path());
    let disk = Disk::under(folder.path());
    let db = open(&storage).await;
    let mut ledger = Ledger::default();
    ledger.write(&db, 10).await.unwrap();
    let mut refused = 0;
    // Small, of several pages, and larger than SQLite's cache, which then writes in the middle of the body.
    for (part_bytes, last, step) in [(10, 8, 1), (9_000, 24, 1), (900_000, 800, 23)] {
        for after in (0..last).step_by(step) {
            for times in [1, 2, u32::MAX] {
                disk.fails(Fault {
                    after,
                    times,
                    code,
                    is_torn,
                });
                for _ in 0..2 {
                    if let Err(error) = ledger.write(&db, part_bytes).await {
                        assert!(Outage::of(&error).is_some(), "{code}: {error}");
                        refused += 1;
                    }
                }
                disk.works();
                let again = ledger.write(&db, 10).await;
                again.unwrap_or_else(|error| panic!("{code}, {after}, {times}: {error}"));
            }
        }
    }
    assert!(refused > 20, "{code}: only {refused} writes were refused");
    // As a process that is killed leaves it: the log is beside the file.
    let copy = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        let name = format!("entries.sqlite{suffix}");
        std::fs::copy(folder.path().join(&name), copy.path().join(&name)).unwrap();
    }
    ledger.matches(&copy.path().join("entries.sqlite")).await;
    db.close().await.unwrap();
    ledger.matches(&storage.database_file("entries")).await;
}

#[tokio::test]
async fn loses_nothing_acknowledged_to_a_full_disk() {
    survives(SQLITE_FULL, false).await;
    survives(SQLITE_FULL, true).await;
}

#[tokio::test]
async fn loses_nothing_acknowledged_to_a_disk_that_fails() {
    survives(SQLITE_IOERR_WRITE, false).await;
    survives(SQLITE_IOERR_WRITE, true).await;
    survives(SQLITE_IOERR_FSYNC, false).await;
}

#[tokio::test]
async fn loses_nothing_acknowledged_to_other_failures() {
    for code in [SQLITE_NOMEM, SQLITE_READONLY] {
        survives(code, false).await;
    }
}

#[tokio::test]
async fn a_body_that_swallows_a_failure_is_not_committed() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&Storage::new(folder.path())).await;
    let swallow = db.transaction(|tx| {
        Box::pin(async move {
            insert(tx, 1, 0, "first").await?;
            assert!(insert(tx, 1, 0, "the same").await.is_err());
            assert!(insert(tx, 2, 0, "after it").await.is_err());
            Ok::<_, DbErr>(())
        })
    });
    assert!(swallow.await.is_err());
    assert!(stored(db.read()).await.is_empty());
}

#[tokio::test]
async fn a_body_that_gives_up_a_statement_is_not_committed() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&Storage::new(folder.path())).await;
    let give_up = db.transaction(|tx| {
        Box::pin(async move {
            let mut statement = Box::pin(tx.execute_unprepared(SLOW));
            let polled = futures::poll!(&mut statement);
            assert!(polled.is_pending());
            Ok::<_, DbErr>(())
        })
    });
    assert!(give_up.await.is_err());
    assert!(stored(db.read()).await.is_empty());
}

#[tokio::test]
async fn bodies_that_are_dropped_or_panic_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::new(folder.path());
    let disk = Disk::under(folder.path());
    let db = open(&storage).await;
    let mut ledger = Ledger::default();
    for round in 0..40 {
        let is_panic = round % 2 == 1;
        if round % 4 > 1 {
            disk.fails(Fault {
                after: round / 4,
                times: 3,
                code: SQLITE_FULL,
                is_torn: false,
            });
        }
        let (db_of_task, id) = (db.clone(), -1 - i64::from(round));
        let (inside, is_inside) = tokio::sync::oneshot::channel();
        let inside = Mutex::new(Some(inside));
        let task = storage.tasks.spawn(async move {
            let inside = &inside;
            let body = db_of_task.transaction(|tx| {
                Box::pin(async move {
                    let text = "x".repeat(900_000);
                    for part in 0..PARTS {
                        insert(tx, id, part, &text).await?;
                    }
                    let inside = inside.lock().unwrap().take();
                    inside.unwrap().send(()).unwrap();
                    assert!(!is_panic, "the body panics, as the test wants");
                    std::future::pending::<Result<(), DbErr>>().await
                })
            });
            body.await
        });
        let _failed_before = is_inside.await;
        task.abort();
        let _ended = task.await;
        disk.works();
        ledger.write(&db, 10).await.unwrap();
    }
    assert!(stored(db.read()).await.iter().all(|id| *id > 0));
    db.close().await.unwrap();
    ledger.matches(&storage.database_file("entries")).await;
}

#[tokio::test]
async fn callers_that_leave_at_any_time_get_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::new(folder.path());
    let db = open(&storage).await;
    let mut ledger = Ledger::default();
    for polls in 0..60 {
        let write = Box::pin(ledger.write(&db, 10));
        let _left = leaves_after(polls, write).await;
        ledger.write(&db, 10).await.unwrap();
    }
    db.close().await.unwrap();
    ledger.matches(&storage.database_file("entries")).await;
}

/// Waits for a future until it was polled so often.
pub(super) async fn leaves_after<F: Future + Unpin>(polls: u32, mut work: F) -> Option<F::Output> {
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(None);
        }
        left -= 1;
        std::pin::Pin::new(&mut work).poll(context).map(Some)
    })
    .await
}

#[tokio::test]
async fn a_start_that_fails_half_way_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::new(folder.path());
    let disk = Disk::under(folder.path());
    let mut failed = 0;
    for after in 0.. {
        disk.fails(Fault {
            after,
            times: u32::MAX,
            code: SQLITE_FULL,
            is_torn: false,
        });
        let opened = Database::open::<Migrator>(&storage, "entries").await;
        disk.works();
        match opened {
            Ok(db) => {
                db.close().await.unwrap();
                break;
            }
            Err(_) => failed += 1,
        }
    }
    assert!(failed > 1, "only {failed} starts failed");
    let db = open(&storage).await;
    let mut ledger = Ledger::default();
    ledger.write(&db, 10).await.unwrap();
}

#[tokio::test]
async fn reads_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&Storage::new(folder.path())).await;
    let sql = "INSERT INTO entries VALUES (1, 0, 'outside of a transaction')";
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    assert!(db.read().execute_raw(statement).await.is_err());
}
