//! A clean stop leaves each file whole by itself.

use super::{Migrator, insert, open};
use sea_orm::DbErr;
use troupe_platform::{Database, Host};

#[tokio::test]
async fn a_host_that_closes_its_files_leaves_no_log_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    for life in 0..20 {
        let host = Host::new(folder.path());
        let db = open(&host).await;
        let other = Database::open::<Migrator>(&host, "others").await.unwrap();
        for db in [&db, &other] {
            let write =
                db.transaction(|tx| Box::pin(async move { insert(tx, life, 0, "text").await }));
            let written: Result<(), DbErr> = write.await;
            written.unwrap();
        }
        // What still holds it doesn't keep it open.
        assert!(host.stores.close(super::PATIENCE).await);
        let names = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["entries.sqlite", "others.sqlite"]);
    }
}
