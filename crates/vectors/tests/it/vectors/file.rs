//! What a store in a file does when the file is broken, and when the process is killed.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::sqlx::{self, Connection, SqliteConnection};
use storage::database::sqlite::{InUse, refuse_without_own_log};
use uuid::Uuid;

use super::*;

/// The folder in which a process writes until it is killed.
const FOLDER: &str = "TROUPE_TEST_VECTORS_FOLDER";
const CHAT: Uuid = Uuid::from_u128(7);

fn file_of(place: &Place) -> PathBuf {
    place.storage.data_dir.join("test-memory.vectors.sqlite")
}

#[tokio::test]
async fn a_file_that_is_no_database_is_moved_aside() {
    let place = Place::in_a_file().await.unwrap();
    let file = file_of(&place);
    let nonsense = "this is no database, but as long as the beginning of one. ".repeat(100);
    fs::write(&file, &nonsense).unwrap();

    let store = place.open().await;
    assert_eq!(store.count(None).await.unwrap(), 0);
    store.upsert(vec![point(CHAT, EAST)]).await.unwrap();
    assert_eq!(nearest(&*store, CHAT, &EAST, 10).await.unwrap().len(), 1);
    let aside = fs::read_to_string(file.with_extension("sqlite.broken")).unwrap();
    assert_eq!(aside, nonsense);
}

#[tokio::test]
async fn a_file_that_breaks_later_is_moved_aside_when_it_shows() {
    const LENGTH: usize = 384;
    let (place, _in_use) = held().await;
    let mut points = Vec::new();
    for seed in 0..200 {
        points.push(Point {
            vector: unit_vector(seed, LENGTH),
            ..point(CHAT, EAST)
        });
    }
    let asked = unit_vector(1, LENGTH);
    let store = place.open_for(MODEL, LENGTH).await;
    store.upsert(points).await.unwrap();
    fold_the_log_in(&file_of(&place)).await;
    overwrite_all_but_the_beginning(&file_of(&place));
    let result = nearest(&*store, CHAT, &asked, 10).await;
    assert!(matches!(result, Err(Error::Storage(_))), "{result:?}");

    assert_eq!(store.count(None).await.unwrap(), 0);
    assert_eq!(nearest(&*store, CHAT, &asked, 10).await.unwrap(), []);
    let copy = copied(&place, "alone", &[""]);
    assert!(
        refuse_without_own_log(&copy).is_err(),
        "the new one is marked"
    );
}

#[tokio::test]
async fn a_log_that_a_reader_let_grow_is_short_again_once_the_reader_is_gone() {
    const LENGTH: usize = 384;
    /// Far more than that takes.
    const ENOUGH: u32 = 10_000;
    const MEBIBYTE: u64 = 1 << 20;
    let place = Place::in_a_file().await.unwrap();
    let store = place.open_for(MODEL, LENGTH).await;
    let options = SqliteConnectOptions::new().filename(file_of(&place));
    let mut reader = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM points")
        .execute(&mut reader)
        .await
        .unwrap();
    let log_bytes = || {
        let log = file_of(&place).with_extension("sqlite-wal");
        fs::metadata(log).unwrap().len()
    };
    let vector = unit_vector(1, LENGTH);
    while log_bytes() < 20 * MEBIBYTE {
        let points = (0..1000).map(|_| Point {
            vector: vector.clone(),
            ..point(CHAT, EAST)
        });
        store.upsert(points.collect()).await.unwrap();
    }
    reader.close().await.unwrap();
    for _ in 0..ENOUGH {
        let one = Point {
            vector: vector.clone(),
            ..point(CHAT, EAST)
        };
        store.upsert(vec![one]).await.unwrap();
        if log_bytes() < 10 * MEBIBYTE {
            return;
        }
    }
    panic!("it never is");
}

/// Until then, what was stored is in the log beside the file.
async fn fold_the_log_in(file: &Path) {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// Leaves the first pages, with the tables' definitions.
fn overwrite_all_but_the_beginning(file: &Path) {
    const BEGINNING: u64 = 3 * 8192;
    let length = fs::metadata(file).unwrap().len();
    let mut file = OpenOptions::new().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(BEGINNING)).unwrap();
    let rest = usize::try_from(length - BEGINNING).unwrap();
    file.write_all(&vec![0xa5; rest]).unwrap();
}

/// A place whose files are marked while they are in use.
async fn held() -> (Place, InUse) {
    let (mut place, in_use) = (Place::in_a_file().await.unwrap(), InUse::default());
    place.storage.in_use = Some(in_use.clone());
    (place, in_use)
}

/// Copies the file, and what is beside it, into a folder of their own.
fn copied(place: &Place, folder: &str, suffixes: &[&str]) -> PathBuf {
    let (file, folder) = (file_of(place), place.storage.data_dir.join(folder));
    fs::create_dir(&folder).unwrap();
    let copy = folder.join(file.file_name().unwrap());
    for suffix in suffixes {
        fs::copy(beside(&file, suffix), beside(&copy, suffix)).unwrap();
    }
    copy
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    file.with_extension(format!("sqlite{suffix}"))
}

/// A place with a copy.
async fn place_of(copy: &Path) -> Place {
    let mut place = Place::in_a_file().await.unwrap();
    place.storage.data_dir = copy.parent().unwrap().to_owned();
    place
}

#[tokio::test]
async fn a_file_that_was_copied_without_its_log_is_put_aside() {
    let (place, in_use) = held().await;
    let store = place.open().await;
    store.upsert(vec![point(CHAT, EAST)]).await.unwrap();
    let alone = copied(&place, "alone", &[""]);
    let with_log = copied(&place, "with-log", &["", "-wal"]);
    let closed = place.storage.stores.close(std::time::Duration::MAX).await;
    assert!(closed && beside(&file_of(&place), "-wal").exists());
    in_use.release().await.unwrap();
    let whole = copied(&place, "whole", &[""]);

    troupe_vectors::set_aside_without_log(&alone);
    let place = place_of(&alone).await;
    assert_eq!(place.files(), [] as [PathBuf; 0]);
    assert_eq!(place.broken_files(), [beside(&alone, ".broken")]);
    for copy in [&with_log, &whole] {
        troupe_vectors::set_aside_without_log(copy);
        let place = place_of(copy).await;
        assert_eq!(place.broken_files(), [] as [PathBuf; 0]);
        assert_eq!(place.open().await.count(None).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn who_only_looks_leaves_a_log_that_the_file_needs() {
    let (place, _in_use) = held().await;
    let store = place.open().await;
    store.upsert(vec![point(CHAT, EAST)]).await.unwrap();
    let left = copied(&place, "left", &["", "-wal"]);
    let looking = place_of(&left).await;
    let store = looking.open().await;
    assert_eq!(store.count(None).await.unwrap(), 1);
    assert!(looking.storage.stores.close(std::time::Duration::MAX).await);
    refuse_without_own_log(&left).unwrap();
    troupe_vectors::set_aside_without_log(&left);
    assert_eq!(looking.files(), [left]);
}

#[tokio::test]
async fn a_log_that_a_killed_process_left_is_folded_in_by_who_never_used_it() {
    let place = Place::in_a_file().await.unwrap();
    let stored = write_until_killed(&place, 20);
    let file = file_of(&place);
    let companions = ["-wal", "-shm"].map(|suffix| beside(&file, suffix));
    assert!(companions[0].exists());
    for is_left in [true, false] {
        let in_use = InUse::default();
        in_use.mark_what_was_left(&file).await.unwrap();
        assert_eq!(companions[0].exists(), is_left, "else it isn't opened");
        in_use.release().await.unwrap();
        assert!(!companions.iter().any(|companion| companion.exists()));
    }
    let whole = place_of(&copied(&place, "whole", &[""])).await;
    assert!(whole.open().await.count(None).await.unwrap() >= stored);
}

#[tokio::test]
async fn nobody_else_may_read_the_file() {
    let place = Place::in_a_file().await.unwrap();
    let _store = place.open().await;
    for suffix in ["sqlite", "sqlite-wal"] {
        let file = file_of(&place).with_extension(suffix);
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
}

#[tokio::test]
async fn acknowledged_points_survive_kills() {
    let place = Place::in_a_file().await.unwrap();
    let mut acknowledged = 0;
    for _ in 0..5 {
        acknowledged += write_until_killed(&place, 50);
        let store = place.open().await;
        let count = store.count(Some(CHAT)).await.unwrap();
        assert!(count >= acknowledged, "{count} of {acknowledged}");
        let found = nearest(&*store, CHAT, &EAST, usize::MAX).await.unwrap();
        assert_eq!(found.len() as u64, count);
        acknowledged = count;
    }
}

/// Has another process write points until it has acknowledged so many, and kills it. Returns how many it acknowledged.
fn write_until_killed(place: &Place, enough: u64) -> u64 {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "vectors::file::writes_until_it_is_killed"])
        .arg("--nocapture")
        .env(FOLDER, &place.storage.data_dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut acknowledged = 0;
    while acknowledged < enough {
        let line = lines.next().unwrap().unwrap();
        acknowledged += u64::from(line.ends_with("stored"));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let rest = lines.map_while(Result::ok);
    acknowledged + rest.filter(|line| line == "stored").count() as u64
}

/// The other process of [`acknowledged_points_survive_kills`]; by itself it does nothing.
#[expect(
    clippy::disallowed_methods,
    reason = "the variable says how a test runs, which no setting does"
)]
#[tokio::test]
async fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let mut place = Place::in_a_file().await.unwrap();
    place.storage.data_dir = folder.into();
    let store = place.open().await;
    loop {
        store.upsert(vec![point(CHAT, EAST)]).await.unwrap();
        println!("stored");
    }
}
