//! What readiness says of a store whose writes fail, all of them or some.

use futures::future::join_all;
use platform::patience;
use sea_orm::{ConnectOptions, DatabaseConnection};

use super::*;

/// A store on a disk that can fail.
struct Place {
    _folder: tempfile::TempDir,
    storage: Storage,
    disk: Arc<Disk>,
    db: Database,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::new(folder.path());
        let disk = Disk::under(folder.path());
        let db = open(&storage).await;
        Self {
            _folder: folder,
            storage,
            disk,
            db,
        }
    }

    fn problem(&self) -> Option<String> {
        self.storage.health.problem()
    }

    /// Another program's connection, which has locked the file.
    async fn locked(&self) -> DatabaseConnection {
        let file = self.storage.database_file("entries");
        let mut options = ConnectOptions::new(format!("sqlite://{}", file.display()));
        let other = sea_orm::Database::connect(options.max_connections(1).to_owned());
        let other = other.await.unwrap();
        other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
        other
    }

    /// What a call meets that writes.
    async fn call(&self, id: i64) -> Result<(), Option<Outage>> {
        let write = self
            .db
            .transaction(|tx| Box::pin(async move { insert_all(tx, id, "text").await }));
        let written = patience::of_call(write).await;
        written.map_err(|error| Outage::of(&error))
    }

    async fn is_trusted_again(&self) {
        until("it tries by itself", async || self.problem().is_none()).await;
    }
}

#[tokio::test]
async fn tells_why_nothing_can_be_stored_and_that_it_can_again() {
    for (code, cause) in [
        (SQLITE_FULL, "disk is full"),
        (SQLITE_IOERR_WRITE, "I/O error"),
        (SQLITE_READONLY, "read-only"),
    ] {
        let place = Place::new().await;
        let mut ledger = Ledger::default();
        place.disk.fails_each(1, code);
        ledger.write(&place.db, 10).await.unwrap_err();
        let problem = place.problem().unwrap();
        assert!(problem.contains(cause), "{problem}");
        // Nobody writes meanwhile.
        place.disk.works();
        place.is_trusted_again().await;
        ledger.write(&place.db, 10).await.unwrap();
    }
}

#[tokio::test]
async fn tells_why_for_as_long_as_some_writes_fail() {
    let place = Place::new().await;
    let mut ledger = Ledger::default();
    for each in [13, 47] {
        place.disk.fails_each(each, SQLITE_IOERR_WRITE);
        while ledger.write(&place.db, 10).await.is_ok() {}
        let (mut stored, mut refused) = (0, 0);
        for _ in 0..100 {
            match ledger.write(&place.db, 10).await {
                Ok(()) => stored += 1,
                Err(_) => refused += 1,
            }
            let problem = place.problem();
            let is_told = problem.is_some_and(|problem| problem.contains("I/O error"));
            assert!(
                is_told,
                "after {stored} that were stored, {refused} weren't"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(stored > 0 && refused > 0, "{stored} stored, {refused} not");
        assert!(place.disk.works() > 0);
        place.is_trusted_again().await;
    }
    ledger.write(&place.db, 10).await.unwrap();
}

#[tokio::test]
async fn tells_nothing_of_writes_that_fail_by_themselves() {
    let place = Place::new().await;
    for _ in 0..20 {
        let twice = place.db.transaction(|tx| {
            Box::pin(async move {
                insert(tx, 1, 0, "first").await?;
                insert(tx, 1, 0, "the same").await
            })
        });
        twice.await.unwrap_err();
        assert_eq!(place.problem(), None);
    }
}

#[tokio::test]
async fn tells_of_another_program_that_has_locked_the_file_and_that_it_is_gone() {
    let place = Place::new().await;
    let other = place.locked().await;
    // Most of them don't even come to their turn, at first and later.
    for ids in [1..5, 5..10] {
        for written in join_all(ids.map(|id| place.call(id))).await {
            assert_eq!(written, Err(Some(Outage::Locked)));
        }
    }
    let alone = place.db.unsynced().statements();
    let alone = patience::of_call(insert_at_once(&alone, 10, "text")).await;
    assert_eq!(Outage::of(&alone.unwrap_err()), Some(Outage::Locked));
    let problem = place.problem().unwrap();
    assert!(problem.contains("another program"), "{problem}");
    assert!(stored(place.db.read()).await.is_empty());
    other.execute_unprepared("ROLLBACK").await.unwrap();
    place.is_trusted_again().await;
    assert_eq!(place.call(1).await, Ok(()));
}

#[tokio::test]
async fn waits_for_another_program_that_locks_the_file_for_a_moment() {
    let place = Place::new().await;
    let other = place.locked().await;
    let unlock = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        other.execute_unprepared("ROLLBACK").await.unwrap();
    };
    let (written, ()) = tokio::join!(join_all((1..4).map(|id| place.call(id))), unlock);
    assert_eq!(written, [Ok(()); 3]);
    assert_eq!(place.problem(), None);
}
