//! Secrets that several processes share.

use futures::future::join_all;
use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};
use testkit::Home;
use testkit::servers::Postgres;
use troupe_storage::secret::{Secret, migrations};
use troupe_storage::{Database, Storage};

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        migrations()
    }
}

async fn open(home: &Home, folder: &std::path::Path) -> (Storage, Database) {
    let storage = Storage {
        database: home.database(),
        ..Storage::new(folder)
    };
    let db = Database::open::<Migrator>(&storage, "keeping")
        .await
        .unwrap();
    (storage, db)
}

#[tokio::test]
async fn those_who_make_one_at_once_have_the_same() {
    let home = Home::on(Postgres::shared().await.unwrap()).unwrap();
    let (_, db) = &open(&home, home.path()).await;
    let made = (0..4).map(|_| async move { Secret::generate().share(db, "key").await.unwrap() });
    let made = join_all(made).await;
    assert!(made.iter().all(|secret| *secret == made[0]));
    let other = Secret::generate().share(db, "other key").await.unwrap();
    assert_ne!(other, made[0]);
}

#[tokio::test]
async fn page_tokens_are_good_in_every_folder_on_one_store() {
    let home = Home::on(Postgres::shared().await.unwrap()).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let key = home.path().join("keys/keeping-page.key");
    let before = Secret::load_or_create(&key).unwrap();
    let token = troupe_storage::page::PageTokens::new(before).seal("list", b"cursor");
    for folder in [home.path(), elsewhere.path()] {
        let (storage, db) = open(&home, folder).await;
        let tokens = storage.page_tokens("keeping", &db).await.unwrap();
        let opened = tokens.open("list", &token).unwrap();
        assert_eq!(
            opened.unwrap(),
            b"cursor",
            "a token from before is good too"
        );
    }
}

#[tokio::test]
async fn an_address_is_good_after_a_restart_and_in_every_folder_on_one_store() {
    let home = Home::on(Postgres::shared().await.unwrap()).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let (storage, db) = open(&home, home.path()).await;
    let signature = storage.signer("keeping", &db).await.unwrap().sign("a");
    for folder in [home.path(), elsewhere.path()] {
        let (storage, db) = open(&home, folder).await;
        let signer = storage.signer("keeping", &db).await.unwrap();
        assert!(signer.is_signed("a", &signature));
    }
    let storage = Storage::new(elsewhere.path());
    let db = Database::open::<Migrator>(&storage, "keeping")
        .await
        .unwrap();
    let signature = storage.signer("keeping", &db).await.unwrap().sign("a");
    let again = storage.signer("keeping", &db).await.unwrap();
    assert!(again.is_signed("a", &signature));
    assert!(elsewhere.path().join("keys/keeping-address.key").exists());
}
