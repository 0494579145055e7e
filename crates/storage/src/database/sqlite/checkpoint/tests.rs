use std::fs;
use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, TransactionTrait};
use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};
use tempfile::TempDir;

use super::*;
use crate::{Database, Storage};

/// Of what is committed at a time where it is to be much.
const ROW_BYTES: u64 = 100_000;
const ROW: &str = "INSERT INTO t VALUES (printf('%.100000c', 'x'))";
/// More commits than anything here takes that happens at all.
const ENOUGH: u32 = 10_000;

struct NoTables;

#[async_trait::async_trait]
impl MigratorTrait for NoTables {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        Vec::new()
    }
}

/// A database with a table.
struct Place {
    folder: TempDir,
    storage: Storage,
    db: Database,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::new(folder.path().join("data"));
        let db = Database::open::<NoTables>(&storage, "test").await.unwrap();
        let place = Self {
            folder,
            storage,
            db,
        };
        place.execute("CREATE TABLE t (text TEXT)").await;
        place
    }

    async fn execute(&self, sql: &'static str) {
        let done = self
            .db
            .transaction(|tx| Box::pin(async move { tx.execute_unprepared(sql).await.map(drop) }));
        let done: Result<(), DbErr> = done.await;
        done.unwrap();
    }

    fn file(&self) -> PathBuf {
        self.storage.database_file("test")
    }

    fn log_bytes(&self) -> u64 {
        let log = self.file().with_extension("sqlite-wal");
        fs::metadata(log).unwrap().len()
    }

    fn checkpoints(&self) -> &Checkpoints {
        self.db.checkpoints.as_ref().unwrap()
    }

    /// Somebody who reads, and sees what there is now for as long as this lasts.
    async fn reader(&self) -> DatabaseTransaction {
        let reader = self.db.read.pool().begin().await.unwrap();
        let look = "SELECT count(*) FROM t";
        reader.execute_unprepared(look).await.unwrap();
        reader
    }

    /// Whether the file alone, without the log beside it, has a row. It is copied first.
    async fn has_row(&self, file: &Path) -> bool {
        let copy = self.folder.path().join("copy.sqlite");
        fs::copy(file, &copy).unwrap();
        let url = format!("sqlite://{}", copy.display());
        // Copied while the log was being folded in, it isn't whole.
        let Ok(db) = sea_orm::Database::connect(url).await else {
            return false;
        };
        let row = db.query_one_raw(sea_orm::Statement::from_string(
            sea_orm::DbBackend::Sqlite,
            "SELECT 1 FROM t",
        ));
        row.await.is_ok_and(|row| row.is_some())
    }

    fn holds_text(&self) -> bool {
        let files = fs::read_dir(&self.storage.data_dir).unwrap();
        let mut texts = files.map(|file| fs::read(file.unwrap().path()).unwrap());
        texts.any(|text| text.windows(9).any(|part| part == b"a secret!"))
    }
}

#[tokio::test]
async fn folds_the_log_into_the_file_from_time_to_time() {
    let place = Place::new().await;
    for _ in 0..ENOUGH {
        place.execute(ROW).await;
        if place.has_row(&place.file()).await {
            return;
        }
    }
    panic!("it never does");
}

#[tokio::test]
async fn nothing_of_what_was_deleted_stays_in_the_files() {
    let place = Place::new().await;
    let insert =
        "INSERT INTO t SELECT printf('a secret!%.3000c', 'x') FROM (VALUES (1), (2), (3), (4))";
    place.execute(insert).await;
    assert!(place.checkpoints().empty().await.unwrap());
    assert!(place.holds_text());
    // It stays while somebody reads who may still have to see it.
    let reader = place.reader().await;
    place.execute("DELETE FROM t").await;
    assert!(!place.checkpoints().empty().await.unwrap());
    assert!(place.holds_text());
    // Or who would see no more of it, and might read from the log nevertheless.
    let newer = place.reader().await;
    reader.rollback().await.unwrap();
    assert!(!place.checkpoints().empty().await.unwrap());
    newer.rollback().await.unwrap();
    // Nothing is written any more, and it goes.
    assert!(place.checkpoints().empty().await.unwrap());
    assert!(!place.holds_text());
    assert_eq!(place.log_bytes(), 0);
}

#[tokio::test]
async fn a_log_that_a_reader_let_grow_is_short_again_once_the_reader_is_gone() {
    let place = Place::new().await;
    let reader = place.reader().await;
    let limit = u64::from(LIMIT_BYTES);
    for _ in 0..2 * limit / ROW_BYTES {
        place.execute(ROW).await;
    }
    assert!(place.log_bytes() > limit, "it can't begin anew");
    reader.rollback().await.unwrap();
    for _ in 0..ENOUGH {
        place.execute("INSERT INTO t VALUES ('x')").await;
        if place.log_bytes() <= limit {
            return;
        }
    }
    panic!("it never is");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_stays_short_while_many_write_and_read_without_a_pause() {
    const WRITERS: usize = 4;
    const READERS: usize = 4;
    let place = Arc::new(Place::new().await);
    let (tasks, stop) = (Tasks::new(), CancellationToken::new());
    let mut reading = Vec::new();
    for _ in 0..READERS {
        let (place, stop) = (place.clone(), stop.clone());
        reading.push(tasks.spawn(async move {
            while !stop.is_cancelled() {
                let look = "SELECT max(rowid) FROM t";
                place.db.read().execute_unprepared(look).await.unwrap();
            }
        }));
    }
    let mut writing = Vec::new();
    for _ in 0..WRITERS {
        let place = place.clone();
        writing.push(tasks.spawn(async move {
            let mut longest = 0;
            for _ in 0..4 * u64::from(BACKSTOP_BYTES) / ROW_BYTES / WRITERS as u64 {
                place.execute(ROW).await;
                longest = place.log_bytes().max(longest);
            }
            longest
        }));
    }
    for writer in writing {
        let longest = writer.await.unwrap();
        assert!(longest < u64::from(BACKSTOP_BYTES), "{longest} bytes");
    }
    stop.cancel();
    for reader in reading {
        reader.await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_opened_again_once_all_is_over() {
    let place = Place::new().await;
    let checkpoints = place.checkpoints().clone();
    place.db.clone().close().await.unwrap();
    for _ in 0..COMMITS {
        checkpoints.committed();
    }
    assert!(checkpoints.empty().await.unwrap());
    checkpoints.finish().await;
    assert!(!place.file().with_extension("sqlite-wal").exists());
}
