//! The relational store in PostgreSQL: opened by several, fought over, killed, paused, missing.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use platform::config::ServerUrl;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, SqlErr, Statement};
use sea_orm_migration::prelude::*;
use testkit::servers::Postgres;
use tokio::sync::Barrier;
use troupe_storage::database::{OpenError, Outage, Turn, Waiting};
use troupe_storage::{Database, DatabaseConfig, Storage};

/// What an outage may cost a call, and a return the platform.
const NOTICED_WITHIN: Duration = Duration::from_secs(2);
const RECOVERED_WITHIN: Duration = Duration::from_secs(10);
/// Nothing that happens takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Counters)]
    }
}

#[derive(DeriveMigrationName)]
struct Counters;

#[async_trait::async_trait]
impl MigrationTrait for Counters {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        for sql in [
            "CREATE TABLE counters (name text PRIMARY KEY, n bigint NOT NULL)",
            "INSERT INTO counters VALUES ('one', 0), ('two', 0)",
        ] {
            db.execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

fn storage_at(url: impl Into<String>) -> Storage {
    let database = DatabaseConfig {
        url: ServerUrl::new(url),
        max_connections: 8,
        ..DatabaseConfig::default()
    };
    Storage {
        database,
        ..Storage::new("nothing/is/kept/here")
    }
}

async fn new_storage() -> Storage {
    let server = Postgres::shared().await.unwrap();
    storage_at(server.new_database().unwrap())
}

async fn open(storage: &Storage) -> Database {
    Database::open::<Migrator>(storage, "counting")
        .await
        .unwrap()
}

async fn value(db: &impl ConnectionTrait, name: &str) -> Result<i64, DbErr> {
    let sql = "SELECT n FROM counters WHERE name = $1";
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [name.into()]);
    let row = db.query_one_raw(statement).await?;
    row.ok_or_else(|| DbErr::RecordNotFound(name.to_owned()))?
        .try_get_by_index(0)
}

async fn set(db: &impl ConnectionTrait, name: &str, n: i64) -> Result<(), DbErr> {
    let sql = "UPDATE counters SET n = $2 WHERE name = $1";
    let values = [name.into(), n.into()];
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    db.execute_raw(statement).await.map(drop)
}

/// Reads and writes, as two statements.
async fn increment(db: &Database) -> Result<(), DbErr> {
    db.transaction(|tx| {
        Box::pin(async move {
            let n = value(tx, "one").await?;
            set(tx, "one", n + 1).await
        })
    })
    .await
}

async fn outage_of(call: impl Future<Output = Result<(), DbErr>>) -> Option<Outage> {
    let ended = tokio::time::timeout(NOTICED_WITHIN, call).await;
    let error = ended.unwrap().unwrap_err();
    Outage::of(&error)
}

async fn recovers(db: &Database) {
    let works = async {
        while increment(db).await.is_err() {
            tokio::task::yield_now().await;
        }
        value(db.read(), "one").await.unwrap()
    };
    tokio::time::timeout(RECOVERED_WITHIN, works).await.unwrap();
}

#[tokio::test]
async fn those_who_open_it_together_apply_each_migration_once() {
    let storage = new_storage().await;
    let fresh = Database::inspect(&storage, "counting").await.unwrap();
    assert!(fresh.migrations.is_empty());
    let opened = join_all((0..4).map(|_| open(&storage))).await;
    for db in &opened {
        increment(db).await.unwrap();
    }
    assert_eq!(value(opened[0].read(), "one").await.unwrap(), 4);
    let inspection = Database::inspect(&storage, "counting").await.unwrap();
    assert_eq!(inspection.migrations, ["database"]);
}

#[tokio::test]
async fn a_server_that_became_a_standby_is_looked_for_on_new_connections() {
    let db = open(&new_storage().await).await;
    // What a failover looks like to those who were connected before: this one, and those who come back to it.
    let standby = "SET default_transaction_read_only = on";
    db.transaction(|tx| Box::pin(async { tx.execute_unprepared(standby).await.map(drop) }))
        .await
        .unwrap();
    let refused = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Err(error) = increment(&db).await {
                return error;
            }
        }
    });
    let refused = refused.await.unwrap();
    assert_eq!(Outage::of(&refused), Some(Outage::ReadOnly));
    let all_are_new = async {
        let ask_each = || join_all((0..16).map(|_| increment(&db)));
        while ask_each().await.iter().any(Result::is_err) {}
    };
    let ended = tokio::time::timeout(RECOVERED_WITHIN, all_are_new).await;
    ended.unwrap();
}

#[tokio::test]
async fn services_keep_out_of_each_others_schema() {
    let storage = new_storage().await;
    let one = open(&storage).await;
    let other = Database::open::<Migrator>(&storage, "other").await.unwrap();
    increment(&one).await.unwrap();
    assert_eq!(value(one.read(), "one").await.unwrap(), 1);
    assert_eq!(value(other.read(), "one").await.unwrap(), 0);
}

#[tokio::test]
async fn transactions_that_cannot_be_ordered_both_succeed() {
    let db = &open(&new_storage().await).await;
    let (meeting, tries) = (&Barrier::new(2), &AtomicU32::new(0));
    // Each reads what the other writes: whichever came second would have read something else.
    let write_skew = async |reads: &'static str, writes: &'static str| {
        db.transaction(|tx| {
            Box::pin(async move {
                let n = value(tx, reads).await?;
                if tries.fetch_add(1, Ordering::SeqCst) < 2 {
                    meeting.wait().await;
                }
                set(tx, writes, n + 1).await
            })
        })
        .await
    };
    let both = futures::join!(write_skew("one", "two"), write_skew("two", "one"));
    both.0.and(both.1).unwrap();
    let values = (
        value(db.read(), "one").await.unwrap(),
        value(db.read(), "two").await.unwrap(),
    );
    assert!(values == (1, 2) || values == (2, 1), "{values:?}");
    assert_eq!(tries.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_key_that_stays_taken_is_tried_three_times() {
    let db = &open(&new_storage().await).await;
    let tries = &AtomicU32::new(0);
    let taken = db.transaction(|tx| {
        Box::pin(async move {
            tries.fetch_add(1, Ordering::SeqCst);
            let sql = "INSERT INTO counters VALUES ('one', 0)";
            tx.execute_unprepared(sql).await.map(drop)
        })
    });
    let taken = taken.await.unwrap_err();
    assert!(
        matches!(taken.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))),
        "{taken:?}"
    );
    assert_eq!(tries.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn no_increment_is_lost_among_many() {
    let db = &open(&new_storage().await).await;
    let many = (0..6).map(|_| async move {
        for _ in 0..10 {
            increment(db).await.unwrap();
        }
    });
    join_all(many).await;
    assert_eq!(value(db.read(), "one").await.unwrap(), 60);
}

#[tokio::test]
async fn says_so_while_the_server_is_gone_and_works_again_after_its_return() {
    let server = Postgres::start(None).await.unwrap();
    let db = open(&storage_at(server.new_database().unwrap())).await;
    let daemon = server.daemon().unwrap();
    daemon.kill().unwrap();
    for _ in 0..2 {
        let outage = outage_of(increment(&db)).await;
        assert_eq!(outage, Some(Outage::Unreachable));
        let reading = async { value(db.read(), "one").await.map(drop) };
        assert_eq!(outage_of(reading).await, Some(Outage::Unreachable));
    }
    daemon.start().unwrap();
    server.ready().await.unwrap();
    recovers(&db).await;
}

#[tokio::test]
async fn says_so_while_the_server_is_silent_and_works_again_after_its_return() {
    let server = Postgres::start(None).await.unwrap();
    let db = open(&storage_at(server.new_database().unwrap())).await;
    increment(&db).await.unwrap();
    let daemon = server.daemon().unwrap();
    let (inside, paused) = (&Barrier::new(2), &Barrier::new(2));
    // One call is in the middle of a transaction when it happens.
    let halfway = db.transaction(|tx| {
        Box::pin(async move {
            let n = value(tx, "one").await?;
            inside.wait().await;
            paused.wait().await;
            set(tx, "one", n + 100).await
        })
    });
    let pausing = async {
        inside.wait().await;
        daemon.pause().unwrap();
        paused.wait().await;
        for _ in 0..2 {
            let outage = outage_of(increment(&db)).await;
            assert_eq!(outage, Some(Outage::Unreachable));
        }
    };
    let halfway = async {
        let error = halfway.await.unwrap_err();
        assert_eq!(Outage::of(&error), Some(Outage::Unreachable));
    };
    let both = async { futures::join!(halfway, pausing) };
    tokio::time::timeout(PATIENCE, both).await.unwrap();
    daemon.resume().unwrap();
    recovers(&db).await;
    assert!(value(db.read(), "one").await.unwrap() < 100);
}

#[tokio::test]
async fn waits_for_long_work_of_a_server_that_is_there() {
    let db = open(&new_storage().await).await;
    let slow = "SELECT pg_sleep(2.5)";
    db.read().execute_unprepared(slow).await.unwrap();
}

#[tokio::test]
async fn opening_waits_for_a_server_that_is_starting() {
    let server = Postgres::start(None).await.unwrap();
    let storage = storage_at(server.new_database().unwrap());
    let daemon = server.daemon().unwrap();
    daemon.kill().unwrap();
    let starting = async {
        tokio::task::yield_now().await;
        daemon.start().unwrap();
    };
    let (db, ()) = futures::join!(open(&storage), starting);
    increment(&db).await.unwrap();
}

#[tokio::test]
async fn opening_says_at_once_what_no_waiting_mends_and_no_password() {
    let url = Postgres::shared().await.unwrap().new_database().unwrap();
    let url = format!("{url}_missing").replace("troupe@", "troupe:hunter2@");
    let opened = Database::open::<Migrator>(&storage_at(url), "counting").await;
    let Err(error @ OpenError::Refused { .. }) = opened else {
        panic!("opened: {opened:?}")
    };
    let text = error.to_string();
    assert!(
        text.contains("_missing") && !text.contains("hunter2"),
        "{text}"
    );

    let nobody = storage_at("postgres://troupe:hunter2@127.0.0.1:9/troupe");
    let looked = Database::inspect(&nobody, "counting").await;
    let Err(error @ OpenError::Unreachable { .. }) = looked else {
        panic!("reached: {looked:?}")
    };
    assert!(!error.to_string().contains("hunter2"), "{error}");

    let elsewhere = storage_at("mysql://troupe:hunter2@127.0.0.1/troupe");
    let opened = Database::open::<Migrator>(&elsewhere, "counting").await;
    assert!(matches!(opened, Err(OpenError::Config { key: "url", .. })));
}

async fn take_turn(db: &Database, to: &str) -> Option<Turn> {
    db.wait_for_turn(to).try_take().await.unwrap()
}

/// Takes a turn once it is free, and bears that the server can't be asked.
async fn takes_over_by(mut waiting: Waiting) {
    let taken = async { while !matches!(waiting.try_take().await, Ok(Some(_))) {} };
    tokio::time::timeout(RECOVERED_WITHIN, taken).await.unwrap();
}

/// Takes a turn once it is free.
async fn takes_over(db: &Database) {
    takes_over_by(db.wait_for_turn("count")).await;
}

#[tokio::test]
async fn one_has_the_turn_at_a_time_and_passes_it_on() {
    let storage = new_storage().await;
    let (one, two) = (open(&storage).await, open(&storage).await);
    let turn = take_turn(&one, "count").await.unwrap();
    assert!(take_turn(&two, "count").await.is_none());
    assert!(take_turn(&two, "sleep").await.is_some());
    turn.check().await.unwrap();
    drop(turn);
    takes_over(&two).await;
}

#[tokio::test]
async fn who_waits_for_the_turn_keeps_its_connection() {
    let storage = new_storage().await;
    let (one, two) = (open(&storage).await, open(&storage).await);
    let turn = take_turn(&one, "count").await.unwrap();
    let mut waiting = two.wait_for_turn("count");
    let connections = async || {
        // Nobody else tries in vain.
        let those = "SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM pg_stat_activity \
            WHERE datname = current_database() AND query = 'ROLLBACK'";
        let those = Statement::from_string(DbBackend::Postgres, those);
        let row = one.read().query_one_raw(those).await.unwrap().unwrap();
        row.try_get_by_index::<Option<String>>(0).unwrap().unwrap()
    };
    assert!(waiting.try_take().await.unwrap().is_none());
    let before = connections().await;
    for _ in 0..5 {
        assert!(waiting.try_take().await.unwrap().is_none());
        assert_eq!(connections().await, before);
    }
    drop(turn);
    takes_over_by(waiting).await;
}

#[tokio::test]
async fn who_waits_for_the_turn_goes_on_after_its_connection_is_cut() {
    let storage = new_storage().await;
    let (one, two) = (open(&storage).await, open(&storage).await);
    let turn = take_turn(&one, "count").await.unwrap();
    let mut waiting = two.wait_for_turn("count");
    assert!(waiting.try_take().await.unwrap().is_none());
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE state = 'idle' AND pid <> pg_backend_pid() AND datname = current_database()";
    one.read().execute_unprepared(cut).await.unwrap();
    drop(turn);
    takes_over_by(waiting).await;
}

#[tokio::test]
async fn the_turn_passes_on_when_its_holder_says_nothing_any_more() {
    let storage = new_storage().await;
    let (one, two) = (open(&storage).await, open(&storage).await);
    let turn = take_turn(&one, "count").await.unwrap();
    takes_over(&two).await;
    turn.check().await.unwrap_err();
}

#[tokio::test]
async fn the_turn_passes_on_when_its_holder_s_connection_is_cut() {
    let storage = new_storage().await;
    let (one, two) = (open(&storage).await, open(&storage).await);
    let turn = take_turn(&one, "count").await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE state = 'idle in transaction' AND datname = current_database()";
    two.read().execute_unprepared(cut).await.unwrap();
    turn.check().await.unwrap_err();
    takes_over(&two).await;
}

#[tokio::test]
async fn connections_beside_others_wait_for_none_of_them() {
    let mut storage = new_storage().await;
    storage.database.max_connections = 3;
    let db = open(&storage).await;
    let beside = db.beside();
    assert!(db.is_shared());
    let within = db.transaction(|tx| {
        let beside = &beside;
        Box::pin(async move {
            set(tx, "two", 2).await?;
            // The only connection for writing is this one.
            increment(beside).await
        })
    });
    within.await.unwrap();
    assert_eq!(value(db.read(), "one").await.unwrap(), 1);
}
