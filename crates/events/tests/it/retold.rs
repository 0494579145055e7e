//! What is told again: whatever carries it, its effect happens once, and only on consumers that came later and ask for it.

use std::sync::Arc;
use std::time::Duration;

use platform::Timestamp;
use sea_orm::DbErr;
use storage::database::{Connection, Transaction};
use troupe_events::{Consumer, History, HistoryPage, Retellable, Retold, retell};
use troupe_proto::events::MessageWritten;

use crate::batches::Appending;
use crate::stage::{Carrier, Ledger, Place, Process, Script, Store};

/// When a place begins.
const BEGINNING: i64 = 1_700_000_000_000_000;

/// Three messages from before, and one from after the consumer came.
struct Past;

fn written(message: &str, micros: i64) -> Retellable<MessageWritten> {
    Retellable {
        event: MessageWritten {
            session_id: "a".to_owned(),
            message_id: message.to_owned(),
            ..MessageWritten::default()
        },
        of: message.to_owned(),
        time: Timestamp::from_micros(micros),
    }
}

impl History for Past {
    type Place = i64;

    async fn count(_: &Connection) -> Result<u64, DbErr> {
        Ok(4)
    }

    async fn page(
        _: &Transaction<'_>,
        after: Option<i64>,
        _: u64,
    ) -> Result<HistoryPage<i64>, DbErr> {
        let number = after.unwrap_or(0) + 1;
        let told = match number {
            4 => written("new", BEGINNING + 2_000_000),
            _ => written(&format!("old{number}"), BEGINNING - 10 + number),
        };
        Ok(HistoryPage {
            events: vec![Retold::from(told)],
            rows: 1,
            next: (number < 4).then_some(number),
        })
    }
}

async fn is_told_again(
    carrier: Carrier,
    store: Store,
    kind: impl Fn(Consumer) -> Consumer,
    expected: &[&str],
) {
    let place = Place::new(carrier, store).await;
    place.time.advance(Duration::from_secs(1));
    let process = place.process_with(&kind).await;
    place.time.advance(Duration::from_secs(2));
    tell(&process, written("new", BEGINNING + 2_000_000)).await;
    for round in 1..=2 {
        let retold = retell::<Past>(&process.db, &process.outbox, |_, _| {});
        assert_eq!(retold.await.unwrap(), 4);
        process.tell("a", &format!("after{round}")).await;
    }
    process.until_ledger_has(expected.len()).await;
    process.until_all_is_sent().await;
    process.stop().await;
    // Also where the process is another, and notes of what can't come again are gone.
    let process = place.process_with(&kind).await;
    retell::<Past>(&process.db, &process.outbox, |_, _| {})
        .await
        .unwrap();
    process.tell("a", "last").await;
    let ledger = process.until_ledger_has(expected.len() + 1).await;
    assert_eq!(ledger[..expected.len()], *expected);
    assert_eq!(ledger[expected.len()..], ["last"]);
}

async fn tell(process: &Process, told: Retellable<MessageWritten>) {
    let (told, cause) = (&told, &platform::trace::Cause::new());
    let tell = process.db.transaction(|tx| {
        Box::pin(async move {
            let told = process.outbox.add_retellable(tx, told.clone(), cause);
            told.map(drop)
        })
    });
    tell.await.unwrap();
}

fn alone(consumer: Consumer) -> Consumer {
    consumer.on::<MessageWritten, _>(&Arc::new(Ledger(Script::willing())))
}

fn in_batches(consumer: Consumer) -> Consumer {
    consumer.in_batches::<MessageWritten, _>(&Appending::willing())
}

const ALL: &[&str] = &["new", "old1", "old2", "old3", "after1", "after2"];
const NEW: &[&str] = &["new", "after1", "after2"];

macro_rules! conformance {
    ($($module:ident $carrier:ident $store:ident)*) => {
        $(mod $module {
            use super::{ALL, Carrier, Consumer, NEW, Store, alone, in_batches, is_told_again};

            #[tokio::test]
            async fn history_has_its_effect_once_on_who_asks_for_it() {
                let kind = |consumer: Consumer| alone(consumer.with_history());
                is_told_again(Carrier::$carrier, Store::$store, kind, ALL).await;
            }

            #[tokio::test]
            async fn history_has_its_effect_once_on_who_takes_many_at_once() {
                let kind = |consumer: Consumer| in_batches(consumer.with_history());
                is_told_again(Carrier::$carrier, Store::$store, kind, ALL).await;
            }

            #[tokio::test]
            async fn history_is_not_for_who_does_not_ask() {
                is_told_again(Carrier::$carrier, Store::$store, alone, NEW).await;
            }
        })*
    };
}

conformance! {
    in_process InProcess Sqlite
    in_process_on_postgres InProcess Postgres
    over_jetstream JetStream Sqlite
    over_jetstream_on_postgres JetStream Postgres
}

#[tokio::test]
async fn what_is_told_again_does_not_look_as_if_it_had_waited_since_it_happened() {
    let place = Place::new(Carrier::InProcess, Store::Sqlite).await;
    place.time.advance(Duration::from_hours(24));
    let process = place.teller().await;
    process.refuse_changes_of_outbox().await;
    retell::<Past>(&process.db, &process.outbox, |_, _| {})
        .await
        .unwrap();
    let lag = process.inspector().await.lag().await.unwrap();
    assert_eq!(
        (lag.outboxes[0].unsent, lag.outboxes[0].oldest_secs),
        (4, None)
    );
}
