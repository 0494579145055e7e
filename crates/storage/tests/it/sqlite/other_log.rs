//! Logs beside files that were closed in order.

use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use troupe_storage::database::sqlite::refuse_without_own_log;

use super::*;

/// Puts what a folder has over what is in another, file by file, and takes nothing away: as `rsync -a` does.
fn copy_over(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[tokio::test]
async fn a_file_that_was_closed_in_order_and_copied_beside_an_older_log_is_refused_by_name() {
    let place = Place::new().await;
    let in_use = InUse::default();
    let files = place.files();
    in_use.mark(&files[0]).await.unwrap();
    write(&place.databases[0], 1).await.unwrap();
    let copy = place.as_left("killed");
    write(&place.databases[0], 2).await.unwrap();
    for db in &place.databases {
        db.clone().close().await.unwrap();
    }
    in_use.release().await.unwrap();
    let closed = place.as_left("closed");
    assert_eq!(numbers(&closed.join("one.sqlite")).await, [1, 2]);

    copy_over(&closed, &copy);
    let one = copy.join("one.sqlite");
    let error = look(&one).await.unwrap_err();
    assert!(matches!(error, FileError::OtherLog { .. }), "{error}");
    assert!(refuse_without_own_log(&one).is_err());
    // Looking has not folded it in, and what the message says makes it go on with all that was written.
    std::fs::remove_file(copy.join("one.sqlite-wal")).unwrap();
    let found = look(&one).await.unwrap().unwrap();
    assert!(!found.is_unclean, "{found:?}");
    assert_eq!(numbers(&one).await, [1, 2]);
}

#[tokio::test]
async fn a_log_that_a_killed_stop_or_start_left_is_the_files_own() {
    let place = Place::new().await;
    let files = place.files();
    let in_use = InUse::default();
    in_use.mark(&files[0]).await.unwrap();
    write(&place.databases[0], 1).await.unwrap();
    for db in &place.databases {
        db.clone().close().await.unwrap();
    }
    in_use.release().await.unwrap();
    // As a start leaves it that is killed before its mark is folded in, and a stop before its log is gone.
    for mark in ["PRAGMA user_version = 2", "PRAGMA user_version = 1"] {
        let folder = place.as_left(mark);
        let file = folder.join("one.sqlite");
        let killed = folder.join("killed.sqlite");
        let mut connection = SqliteConnectOptions::new()
            .filename(&file)
            .connect()
            .await
            .unwrap();
        for statement in ["PRAGMA journal_mode = WAL", mark] {
            connection.execute(statement).await.unwrap();
        }
        for end in ["", "-wal"] {
            let of = |file: &Path| PathBuf::from(format!("{}{end}", file.display()));
            std::fs::copy(of(&file), of(&killed)).unwrap();
        }
        connection.close().await.unwrap();
        look(&killed).await.unwrap().unwrap();
        assert_eq!(numbers(&killed).await, [1], "{mark}");
    }
}
