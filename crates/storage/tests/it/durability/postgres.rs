//! The same on PostgreSQL: what it answers to a COMMIT, and connections that somebody left.

use std::collections::BTreeSet;

use platform::config::ServerUrl;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use testkit::servers::Postgres;
use troupe_storage::{Database, DatabaseConfig, Storage};

use super::{Ledger, insert, leaves_after, open, stored, until};

pub(super) async fn storage() -> Storage {
    let server = Postgres::shared().await.unwrap();
    let database = DatabaseConfig {
        url: ServerUrl::new(server.new_database().unwrap()),
        max_connections: 4,
        ..DatabaseConfig::default()
    };
    Storage {
        database,
        ..Storage::new("nothing/is/kept/here")
    }
}

async fn count(db: &Database, sql: &str) -> i64 {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let row = db.read().query_one_raw(statement).await.unwrap();
    row.unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn a_body_that_swallows_a_failure_is_not_committed() {
    let db = open(&storage().await).await;
    let swallow = db.transaction(|tx| {
        Box::pin(async move {
            insert(tx, 1, 0, "first").await?;
            // The server answers the COMMIT of what failed with ROLLBACK, and that isn't an error.
            assert!(tx.execute_unprepared("SELECT 1 / 0").await.is_err());
            Ok::<_, DbErr>(())
        })
    });
    assert!(swallow.await.is_err());
    assert!(stored(db.read()).await.is_empty());
}

#[tokio::test]
async fn callers_that_leave_at_any_time_leave_no_transaction_open() {
    let db = open(&storage().await).await;
    let mut ledger = Ledger::default();
    for polls in 0..40 {
        // A transaction and a statement alone.
        for _ in 0..2 {
            let write = Box::pin(ledger.write(&db, 10));
            let _left = leaves_after(polls, write).await;
        }
        ledger.write(&db, 10).await.unwrap();
    }
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    until("no transaction is open", async || {
        count(&db, open).await == 0
    })
    .await;
    // What was left in its commit may be stored after that. A statement alone has no hook, so who leaves it isn't told.
    until("all transactions that are stored were told", async || {
        let stored = stored(db.read()).await;
        let told = ledger.told.lock().unwrap();
        let of_transactions = |ids: &BTreeSet<i64>| {
            ids.iter()
                .filter(|id| *id % 2 == 1)
                .copied()
                .collect::<BTreeSet<_>>()
        };
        told.is_subset(&stored) && of_transactions(&told) == of_transactions(&stored)
    })
    .await;
    let stored = stored(db.read()).await;
    assert!(ledger.acknowledged.is_subset(&stored));
}

#[tokio::test]
async fn a_transaction_whose_connection_the_server_ends_is_not_acknowledged() {
    let db = &open(&storage().await).await;
    let mut ledger = Ledger::default();
    let write = db.transaction(|tx| {
        Box::pin(async move {
            insert(tx, -1, 0, "text").await?;
            let limit = "SET LOCAL idle_in_transaction_session_timeout = '50ms'";
            tx.execute_unprepared(limit).await?;
            let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
            until("the server ends it", async || count(db, open).await == 0).await;
            Ok::<_, DbErr>(())
        })
    });
    assert!(write.await.is_err());
    ledger.write(db, 10).await.unwrap();
    assert_eq!(stored(db.read()).await, ledger.acknowledged);
}
