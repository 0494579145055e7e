//! What holds for consumers that take many events at once, whatever carries them and wherever they are kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use storage::database::Transaction;
use troupe_events::{BatchHandler, Failure, Received};
use troupe_proto::events::MessageWritten;

use crate::stage::{Carrier, Place, Process, Store, until, write};

macro_rules! conformance {
    ($module:ident $carrier:ident $store:ident $($name:ident)*) => {
        mod $module {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Carrier::$carrier, super::Store::$store).await;
            })*
        }
    };
    ($($name:ident),* $(,)?) => {
        conformance!(in_process InProcess Sqlite $($name)*);
        conformance!(in_process_on_postgres InProcess Postgres $($name)*);
        conformance!(over_jetstream JetStream Sqlite $($name)*);
        conformance!(over_jetstream_on_postgres JetStream Postgres $($name)*);
    };
}

conformance!(
    events_that_wait_have_their_effects_in_one_transaction,
    an_event_that_is_sent_twice_has_its_effect_once,
    events_of_a_key_have_their_effects_in_order_also_where_some_fail,
    an_event_that_fails_is_put_aside_without_its_neighbours,
    a_handler_that_panics_holds_up_nobody,
    a_restart_finds_what_was_not_handled,
);

type Play = dyn Fn(&[Received<MessageWritten>]) -> Result<(), Failure> + Send + Sync;

/// Writes what it gets to the ledger, after it did as the test says.
pub(crate) struct Appending {
    play: Box<Play>,
    /// How many events each call had that went well.
    sizes: Mutex<Vec<usize>>,
}

impl BatchHandler<MessageWritten> for Appending {
    async fn apply(
        &self,
        tx: &Transaction<'_>,
        events: &[Received<MessageWritten>],
    ) -> Result<(), Failure> {
        let written = events.iter().map(|event| event.event.message_id.as_str());
        write(tx, written).await?;
        // After the rows: nothing may stay of what fails.
        (self.play)(events)?;
        self.sizes.lock().unwrap().push(events.len());
        Ok(())
    }
}

impl Appending {
    pub(crate) fn new(
        play: impl Fn(&[Received<MessageWritten>]) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            play: Box::new(play),
            sizes: Mutex::default(),
        })
    }

    pub(crate) fn willing() -> Arc<Self> {
        Self::new(|_| Ok(()))
    }

    async fn in_process(self: &Arc<Self>, place: &Place) -> Process {
        place
            .process_with(|consumer| consumer.in_batches::<MessageWritten, _>(self))
            .await
    }
}

fn fails() -> Failure {
    Failure::Failed("it is poison".into())
}

fn has(events: &[Received<MessageWritten>], message: &str) -> bool {
    events.iter().any(|event| event.event.message_id == message)
}

async fn events_that_wait_have_their_effects_in_one_transaction(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let (is_away, was_called) = (
        Arc::new(AtomicBool::new(true)),
        Arc::new(AtomicBool::new(false)),
    );
    let (away, called) = (Arc::clone(&is_away), Arc::clone(&was_called));
    let appending = Appending::new(move |_| {
        called.store(true, Ordering::SeqCst);
        match away.load(Ordering::SeqCst) {
            true => Err(Failure::Unavailable("the index is away".into())),
            false => Ok(()),
        }
    });
    let process = appending.in_process(&place).await;
    process.tell("a", "a1").await;
    until("it was tried", async || was_called.load(Ordering::SeqCst)).await;
    // Each of a key of its own: of one key, the next comes when the one before is through.
    for number in 0..50 {
        let session = format!("s{number}");
        process.tell(&session, &session).await;
    }
    if carrier == Carrier::JetStream {
        process.until_all_is_sent().await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    is_away.store(false, Ordering::SeqCst);
    let ledger = process.until_ledger_has(51).await;
    assert_eq!(ledger[0], "a1");
    process.until_all_is_sent().await;
    assert_eq!(process.ledger().await.len(), 51);
    let sizes = appending.sizes.lock().unwrap().clone();
    assert!(sizes.iter().any(|size| *size > 20), "{sizes:?}");
    let letters = process.inspector().await.dead_letters().await.unwrap();
    assert_eq!(letters, []);
}

async fn an_event_that_is_sent_twice_has_its_effect_once(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let process = Appending::willing().in_process(&place).await;
    process.refuse_changes_of_outbox().await;
    // Only this one: what can't be noted as sent keeps the relay from reading more.
    process.tell("a", "a1").await;
    process.until_ledger_has(1).await;
    process.stop().await;
    let process = Appending::willing().in_process(&place).await;
    process.allow_changes_of_outbox().await;
    process.tell("a", "a2").await;
    process.tell("b", "b1").await;
    process.until_ledger_has(3).await;
    process.until_all_is_sent().await;
    let mut ledger = process.ledger().await;
    ledger.sort();
    assert_eq!(ledger, ["a1", "a2", "b1"]);
}

async fn events_of_a_key_have_their_effects_in_order_also_where_some_fail(
    carrier: Carrier,
    store: Store,
) {
    let place = Place::new(carrier, store).await;
    let appending = Appending::new(|events| {
        let stubborn = |event: &Received<MessageWritten>| {
            event.event.message_id.ends_with('3') && event.earlier_tries < 2
        };
        match events.iter().any(stubborn) {
            true => Err(fails()),
            false => Ok(()),
        }
    });
    let process = appending.in_process(&place).await;
    for number in 0..20 {
        for session in ["a", "b", "c"] {
            process
                .tell(session, &format!("{session}{number:02}"))
                .await;
        }
    }
    let ledger = process.until_ledger_has(60).await;
    for session in ["a", "b", "c"] {
        let of_session = ledger.iter().filter(|m| m.starts_with(session));
        let expected: Vec<_> = (0..20).map(|n| format!("{session}{n:02}")).collect();
        assert_eq!(of_session.cloned().collect::<Vec<_>>(), expected);
    }
}

async fn an_event_that_fails_is_put_aside_without_its_neighbours(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let is_mended = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&is_mended);
    let appending =
        Appending::new(
            move |events| match has(events, "a1") && !mended.load(Ordering::SeqCst) {
                true => Err(fails()),
                false => Ok(()),
            },
        );
    let process = appending.in_process(&place).await;
    for message in ["a1", "b1", "c1", "a2", "d1"] {
        process.tell(&message[..1], message).await;
    }
    let mut ledger = process.until_ledger_has(4).await;
    ledger.sort();
    assert_eq!(ledger, ["a2", "b1", "c1", "d1"]);
    process.until_all_is_sent().await;
    let inspector = process.inspector().await;
    let letters = inspector.dead_letters().await.unwrap();
    let [letter] = letters.as_slice() else {
        panic!("one dead letter, not {letters:?}");
    };
    assert_eq!((letter.key.as_str(), letter.tries), ("a", 5));
    assert_eq!(letter.problem, "it is poison");

    is_mended.store(true, Ordering::SeqCst);
    assert_eq!(inspector.replay(None).await.unwrap(), 1);
    let ledger = process.until_ledger_has(5).await;
    assert_eq!(ledger.last().unwrap(), "a1");
    until("no dead letter is left", async || {
        inspector.dead_letters().await.unwrap().is_empty()
    })
    .await;
}

async fn a_handler_that_panics_holds_up_nobody(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let appending = Appending::new(|events| {
        assert!(!has(events, "a1"), "on purpose");
        Ok(())
    });
    let process = appending.in_process(&place).await;
    for message in ["a1", "b1", "a2"] {
        process.tell(&message[..1], message).await;
    }
    let mut ledger = process.until_ledger_has(2).await;
    ledger.sort();
    assert_eq!(ledger, ["a2", "b1"]);
    let letters = process.inspector().await.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1);
}

async fn a_restart_finds_what_was_not_handled(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let was_called = Arc::new(AtomicBool::new(false));
    let called = Arc::clone(&was_called);
    let appending = Appending::new(move |_| {
        called.store(true, Ordering::SeqCst);
        Err(Failure::Unavailable("everything is away".into()))
    });
    let process = appending.in_process(&place).await;
    for message in ["a1", "b1", "a2"] {
        process.tell(&message[..1], message).await;
    }
    until("it was tried", async || was_called.load(Ordering::SeqCst)).await;
    process.stop().await;
    let process = Appending::willing().in_process(&place).await;
    let ledger = process.until_ledger_has(3).await;
    let place_of = |message: &str| ledger.iter().position(|written| written == message);
    assert!(place_of("a1") < place_of("a2"));
}
