//! A clean stop leaves each file whole by itself.

use sea_orm::DbErr;
use troupe_storage::{Database, Storage};

use super::{Migrator, insert, open};

#[tokio::test]
async fn a_host_that_closes_its_files_leaves_no_log_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    for life in 0..20 {
        let storage = Storage::new(folder.path());
        let db = open(&storage).await;
        let other = Database::open::<Migrator>(&storage, "others")
            .await
            .unwrap();
        for db in [&db, &other] {
            let write =
                db.transaction(|tx| Box::pin(async move { insert(tx, life, 0, "text").await }));
            let written: Result<(), DbErr> = write.await;
            written.unwrap();
        }
        // What still holds it doesn't keep it open.
        assert!(storage.stores.close(super::PATIENCE).await);
        let names = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["entries.sqlite", "others.sqlite"]);
    }
}
