//! Files of SQLite: one moment of several, and what is found out about a file before it is used.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use platform::Tasks;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::prelude::*;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use troupe_storage::database::sqlite::{Care, FileError, InUse, Standstill, examine, refuse_newer};
use troupe_storage::{Database, Storage};

mod other_log;

const SERVICES: [&str; 2] = ["one", "two"];
const LONG: Duration = Duration::from_secs(60);

struct Ledger;

#[async_trait::async_trait]
impl MigratorTrait for Ledger {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Table)]
    }
}

struct Table;

impl MigrationName for Table {
    fn name(&self) -> &str {
        "m0001_ledger"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Table {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "CREATE TABLE ledger (number INTEGER PRIMARY KEY, text TEXT NOT NULL)";
        let connection = manager.get_connection();
        connection.execute_unprepared(sql).await.map(drop)
    }
}

struct Place {
    _folder: TempDir,
    storage: Storage,
    databases: Vec<Database>,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::new(folder.path().join("data"));
        let mut databases = Vec::new();
        for service in SERVICES {
            databases.push(Database::open::<Ledger>(&storage, service).await.unwrap());
        }
        Self {
            _folder: folder,
            storage,
            databases,
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = SERVICES.map(|service| self.storage.database_file(service));
        files.to_vec()
    }

    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.storage.data_dir.parent().unwrap().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// What a process leaves behind that is killed now.
    fn as_left(&self, name: &str) -> PathBuf {
        let folder = self.folder(name);
        for file in std::fs::read_dir(&self.storage.data_dir).unwrap() {
            let file = file.unwrap();
            if !file.file_name().to_str().unwrap().ends_with("-shm") {
                std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
            }
        }
        folder
    }
}

/// Reads, then writes, as use cases do.
async fn write(db: &Database, number: u64) -> Result<(), DbErr> {
    db.transaction(|tx| {
        Box::pin(async move {
            let last = "SELECT coalesce(max(number), 0) FROM ledger";
            tx.query_one_raw(Statement::from_string(DbBackend::Sqlite, last))
                .await?;
            let values = [number.into(), "some text of a person".repeat(20).into()];
            let insert = "INSERT INTO ledger VALUES (?, ?)";
            tx.execute_raw(Statement::from_sql_and_values(
                DbBackend::Sqlite,
                insert,
                values,
            ))
            .await
            .map(drop)
        })
    })
    .await
}

async fn numbers(file: &Path) -> Vec<u64> {
    let db = sea_orm::Database::connect(format!("sqlite://{}", file.display()));
    let db = db.await.unwrap();
    let query = "SELECT number FROM ledger ORDER BY number";
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Sqlite, query));
    let numbers = rows.await.unwrap();
    let numbers = numbers
        .iter()
        .map(|row| row.try_get_by_index::<i64>(0).unwrap() as u64);
    let numbers = numbers.collect();
    db.close().await.unwrap();
    numbers
}

async fn look(
    file: &Path,
) -> Result<Option<troupe_storage::database::sqlite::Condition>, FileError> {
    let care = Care {
        clean: LONG,
        unclean: LONG,
        trusts_index: true,
    };
    examine(file, care).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_of_two_files_is_a_prefix_of_what_was_written_across_them() {
    let place = Place::new().await;
    let (acknowledged, stop) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let tasks = Tasks::new();
    let writer = {
        let (databases, acknowledged) = (place.databases.clone(), acknowledged.clone());
        let stop = stop.clone();
        tasks.spawn(async move {
            for number in 1.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                for db in &databases {
                    write(db, number).await.expect("no writer fails");
                }
                acknowledged.store(number, Ordering::Release);
            }
        })
    };
    for round in 0..10 {
        let before = acknowledged.load(Ordering::Acquire);
        let standstill = Standstill::of(&place.files()).await.unwrap();
        let folder = place.folder(&format!("round-{round}"));
        let mut copies = Vec::new();
        for snapshot in standstill.release().await {
            let copy = folder.join(snapshot.file().file_name().unwrap());
            let go_on = CancellationToken::new();
            let whole = snapshot.copy(&copy, Arc::new(|_| ()), &go_on).await;
            assert!(whole.unwrap());
            copies.push(numbers(&copy).await);
        }
        let (first, second) = (&copies[0], &copies[1]);
        let last = first.len() as u64;
        assert!(last >= before, "{last} of {before} that were acknowledged");
        assert_eq!(*first, (1..=last).collect::<Vec<_>>());
        assert_eq!(*second, (1..=second.len() as u64).collect::<Vec<_>>());
        assert!(last - second.len() as u64 <= 1, "{last}, {}", second.len());
    }
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_reads_first_waits_for_a_standstill_and_does_not_fail() {
    let place = Place::new().await;
    let standstill = Standstill::of(&place.files()).await.unwrap();
    let db = place.databases[0].clone();
    let writing = Tasks::new().spawn(async move { write(&db, 1).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!writing.is_finished(), "it waits");
    let snapshots = standstill.release().await;
    writing.await.unwrap().unwrap();
    let copy = place.folder("copies").join("one.sqlite");
    let [one, _two] = <[_; 2]>::try_from(snapshots).unwrap();
    let go_on = CancellationToken::new();
    assert!(one.copy(&copy, Arc::new(|_| ()), &go_on).await.unwrap());
    assert_eq!(numbers(&copy).await, [0_u64; 0], "it came after the moment");
    assert!(
        !copy.with_extension("sqlite-wal").exists(),
        "a copy needs no log"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_stopped_says_so() {
    let place = Place::new().await;
    let snapshots = Standstill::of(&place.files())
        .await
        .unwrap()
        .release()
        .await;
    let copy = place.folder("copies").join("one.sqlite");
    let stop = CancellationToken::new();
    stop.cancel();
    let [one, _two] = <[_; 2]>::try_from(snapshots).unwrap();
    assert!(!one.copy(&copy, Arc::new(|_| ()), &stop).await.unwrap());
}

#[tokio::test]
async fn a_file_in_use_that_was_copied_without_its_log_is_refused_by_name() {
    let place = Place::new().await;
    let in_use = InUse::default();
    for (file, db) in place.files().iter().zip(&place.databases) {
        in_use.mark(file).await.unwrap();
        write(db, 1).await.unwrap();
    }
    let left = place.as_left("killed");
    let (one, two) = (left.join("one.sqlite"), left.join("two.sqlite"));
    std::fs::remove_file(left.join("one.sqlite-wal")).unwrap();
    let error = look(&one).await.unwrap_err();
    assert!(matches!(error, FileError::WithoutLog { .. }), "{error}");
    assert!(error.to_string().contains("one.sqlite-wal"), "{error}");
    let found = look(&two).await.unwrap().unwrap();
    assert!(found.is_unclean && found.is_looked_through, "{found:?}");
    assert!(
        !left.join("two.sqlite-shm").exists(),
        "looking leaves nothing"
    );
    assert_eq!(numbers(&two).await, [1]);

    // What the message says makes it go on with what the file has.
    std::fs::write(left.join("one.sqlite-wal"), "").unwrap();
    assert!(look(&one).await.unwrap().unwrap().is_unclean);
    std::fs::remove_file(&one).unwrap();
    std::fs::write(left.join("one.sqlite-wal"), "something").unwrap();
    let error = look(&one).await.unwrap_err();
    assert!(matches!(error, FileError::OnlyLog { .. }), "{error}");
}

/// Whether other processes see that this one has a file open. The system drops that where the process closes the file,
/// however it had opened it, and then others would remove the log.
fn is_seen_to_be_open(file: &Path) -> bool {
    let number = std::fs::metadata(file).unwrap().ino().to_string();
    let locks = std::fs::read_to_string("/proc/locks").unwrap();
    let of_file = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, kind, _, _, process, place, ..] = words[..] else {
            return false;
        };
        let number_there = place.rsplit(':').next();
        kind == "POSIX"
            && process == std::process::id().to_string()
            && number_there == Some(&*number)
    };
    locks.lines().any(|line| of_file(&line))
}

#[tokio::test]
async fn others_see_that_a_file_is_open_whatever_is_done_with_it() {
    let place = Place::new().await;
    let (new, opened) = (place.files()[0].clone(), place.databases[0].clone());
    assert!(is_seen_to_be_open(&new), "opened");
    let in_use = InUse::default();
    in_use.mark(&new).await.unwrap();
    assert!(is_seen_to_be_open(&new), "marked");
    // A file that was there is marked before it is opened.
    let again = Database::open::<Ledger>(&place.storage, "one")
        .await
        .unwrap();
    assert!(is_seen_to_be_open(&new), "opened again");
    write(&again, 1).await.unwrap();
    write(&opened, 2).await.unwrap();
    again.close().await.unwrap();
    assert!(is_seen_to_be_open(&new), "closed once");
}

#[tokio::test]
async fn a_clean_stop_leaves_files_that_need_no_log() {
    let place = Place::new().await;
    let in_use = InUse::default();
    for file in place.files() {
        in_use.mark(&file).await.unwrap();
        in_use.mark(&file).await.unwrap();
    }
    for db in place.databases.clone() {
        write(&db, 1).await.unwrap();
        db.clone().close().await.unwrap();
    }
    let marked = place
        .storage
        .database_file("one")
        .with_extension("sqlite-wal");
    assert!(
        marked.exists(),
        "the log stays until the mark is taken back"
    );
    in_use.release().await.unwrap();
    for file in place.files() {
        assert!(!file.with_extension("sqlite-wal").exists());
        let found = look(&file).await.unwrap().unwrap();
        assert!(!found.is_unclean && found.is_looked_through, "{found:?}");
        assert_eq!(found.migrations, ["m0001_ledger"]);
        assert_eq!(numbers(&file).await, [1]);
    }
    let names = std::fs::read_dir(&place.storage.data_dir).unwrap();
    assert_eq!(names.count(), 2, "looking makes no files");
}

#[tokio::test]
async fn a_damaged_or_cut_file_is_refused_and_one_that_is_no_database() {
    let place = Place::new().await;
    let in_use = InUse::default();
    let (file, db) = (&place.files()[0], place.databases[0].clone());
    for number in 1..200 {
        write(&db, number).await.unwrap();
    }
    in_use.mark(file).await.unwrap();
    // Or the log has the pages that are damaged below.
    let fold = "PRAGMA wal_checkpoint(TRUNCATE)";
    db.read().execute_unprepared(fold).await.unwrap();
    let left = place.as_left("killed").join("one.sqlite");
    let bytes = std::fs::read(&left).unwrap();
    for (page, told) in [
        (1, "page 1, or another of the list of its tables"),
        (2, "page 2, of the table seaql_migrations"),
        (
            3,
            "page 3, of the index sqlite_autoindex_seaql_migrations_1",
        ),
        (4, "page 4, of the table ledger"),
        (11, "page 11, of the table ledger"),
    ] {
        let mut damaged = bytes.clone();
        let begin = if page == 1 { 100 } else { 4096 * (page - 1) };
        damaged[begin..4096 * page].fill(0xa5);
        std::fs::write(&left, &damaged).unwrap();
        let error = look(&left).await.unwrap_err();
        assert!(matches!(error, FileError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(told), "{error}");
        assert!(error.to_string().contains("troupe restore"), "{error}");
    }
    std::fs::write(left.with_extension("sqlite-wal"), "").unwrap();
    for length in [100, 4096, bytes.len() - 1] {
        std::fs::write(&left, &bytes[..length]).unwrap();
        let error = look(&left).await.unwrap_err();
        assert!(
            matches!(error, FileError::Damaged { .. }),
            "{length}: {error}"
        );
    }
    std::fs::write(&left, "no database, whatever its name says").unwrap();
    let error = look(&left).await.unwrap_err();
    assert!(matches!(error, FileError::Damaged { .. }), "{error}");
    std::fs::write(&left, "").unwrap();
    assert_eq!(
        look(&left).await.unwrap(),
        None,
        "a first start was cut short"
    );
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_by_name() {
    let place = Place::new().await;
    let db = place.databases[0].clone();
    let newer = "INSERT INTO seaql_migrations VALUES ('m9999_later', 1)";
    let insert =
        db.transaction(|tx| Box::pin(async move { tx.execute_unprepared(newer).await.map(drop) }));
    insert.await.map_err(|error: DbErr| error).unwrap();
    let reopened = Database::open::<Ledger>(&place.storage, "one").await;
    let error = reopened.err().unwrap().to_string();
    assert!(
        error.contains("newer version") && error.contains("m9999_later"),
        "{error}"
    );
    let known = troupe_storage::database::migration_names::<Ledger>();
    let file = place.storage.database_file("one");
    assert!(refuse_newer(&file, &known, &known).is_ok());
    let applied = ["m0001_ledger".to_owned(), "m9999_later".to_owned()];
    assert!(refuse_newer(&file, &applied, &known).is_err());
}

#[tokio::test]
async fn a_log_that_lost_what_was_written_is_refused() {
    let place = Place::new().await;
    let in_use = InUse::default();
    let (file, db) = (&place.files()[0], place.databases[0].clone());
    in_use.mark(file).await.unwrap();
    for number in 1..20 {
        write(&db, number).await.unwrap();
    }
    let left = place.as_left("killed").join("one.sqlite");
    let (log, index) = (
        left.with_extension("sqlite-wal"),
        left.with_extension("sqlite-shm"),
    );
    let (whole, memory) = (
        std::fs::read(&log).unwrap(),
        std::fs::read(file.with_extension("sqlite-shm")).unwrap(),
    );
    let found = async |bytes: &[u8]| {
        std::fs::write(&log, bytes).unwrap();
        std::fs::write(&index, &memory).unwrap();
        look(&left).await
    };
    assert!(found(&whole).await.unwrap().unwrap().is_looked_through);
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    let mut headless = whole.clone();
    headless[20] ^= 1;
    for bytes in [
        &damaged,
        &headless,
        &whole[..whole.len() - 1],
        &whole[..40],
        &[],
    ] {
        let error = found(bytes).await.unwrap_err().to_string();
        assert!(
            error.contains("one.sqlite-wal") && error.contains("damaged"),
            "{error}"
        );
    }
    // Who reads a log without what was beside it knows only what it says.
    std::fs::remove_file(&index).unwrap();
    std::fs::write(&log, &whole).unwrap();
    assert!(look(&left).await.unwrap().is_some());
    // And what the message about a missing log says is done.
    std::fs::write(&log, "").unwrap();
    assert!(look(&left).await.unwrap().is_some());
}
