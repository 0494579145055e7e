//! What readiness says of a store whose writes fail, all of them or some.

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
