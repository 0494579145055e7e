//! What holds for events whatever carries them and wherever they are kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use platform::trace::Cause;
use troupe_events::Failure;

use crate::stage::{Carrier, Place, Script, Store, until};

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
    an_event_has_its_effect_and_knows_the_request_that_caused_it,
    a_transaction_that_fails_tells_nothing,
    a_handler_that_failed_is_called_again,
    an_event_that_is_sent_twice_has_its_effect_once,
    events_of_a_key_have_their_effects_in_order,
    an_event_that_is_tried_in_vain_is_put_aside_and_can_be_replayed,
    a_handler_that_panics_holds_up_nobody,
    an_event_waits_for_what_is_away_and_is_not_put_aside,
    a_restart_finds_what_was_not_handled,
    a_consumer_that_comes_later_gets_what_comes_later,
    what_was_sent_stays_only_where_it_can_be_lost,
    what_is_handled_stays_handled_over_restarts,
    what_happens_after_the_clock_was_set_back_is_handled,
);

fn fails(problem: &'static str) -> Failure {
    Failure::Failed(problem.into())
}

async fn an_event_has_its_effect_and_knows_the_request_that_caused_it(
    carrier: Carrier,
    store: Store,
) {
    let place = Place::new(carrier, store).await;
    let script = Script::willing();
    let process = place.process(script.clone()).await;
    let cause = process.tell("a", "a1").await;
    assert_eq!(process.until_ledger_has(1).await, ["a1"]);
    let asked = script.asked.lock().unwrap()[0].clone();
    assert_eq!(asked.event.session_id, "a");
    assert_eq!(asked.cause.request_id, cause.request_id);
    assert_eq!(asked.cause.trace.trace_id(), cause.trace.trace_id());
    assert_eq!(asked.earlier_tries, 0);
}

async fn a_transaction_that_fails_tells_nothing(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let process = place.process(Script::willing()).await;
    let cause = Cause::new();
    let told = process.try_to_tell("a", "a1", &cause, Err("changed our mind"));
    told.await.unwrap_err();
    process.tell("a", "a2").await;
    assert_eq!(process.until_ledger_has(1).await, ["a2"]);
}

async fn a_handler_that_failed_is_called_again(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let script = Script::new(|event| match event.earlier_tries {
        0..3 => Err(fails("not yet")),
        _ => Ok(()),
    });
    let process = place.process(script.clone()).await;
    process.tell("a", "a1").await;
    assert_eq!(process.until_ledger_has(1).await, ["a1"]);
    assert_eq!(script.calls(), 4);
}

async fn an_event_that_is_sent_twice_has_its_effect_once(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let process = place.process(Script::willing()).await;
    // As where a process dies before it has noted that the first was sent.
    process.refuse_changes_of_outbox().await;
    process.tell("a", "a1").await;
    process.until_ledger_has(1).await;
    process.stop().await;
    let process = place.process(Script::willing()).await;
    assert_eq!(process.count("outbox").await, 1);
    process.allow_changes_of_outbox().await;
    process.tell("a", "a2").await;
    process.until_ledger_has(2).await;
    process.until_all_is_sent().await;
    assert_eq!(process.ledger().await, ["a1", "a2"]);
}

async fn events_of_a_key_have_their_effects_in_order(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    // Some fail, and those behind them must wait.
    let script = Script::new(|event| {
        let is_stubborn = event.event.message_id.ends_with('3');
        match is_stubborn && event.earlier_tries < 2 {
            true => Err(fails("not yet")),
            false => Ok(()),
        }
    });
    let process = place.process(script).await;
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

async fn an_event_that_is_tried_in_vain_is_put_aside_and_can_be_replayed(
    carrier: Carrier,
    store: Store,
) {
    let place = Place::new(carrier, store).await;
    let is_mended = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&is_mended);
    let script = Script::new(move |event| {
        let is_poison = event.event.message_id == "a1" && !mended.load(Ordering::SeqCst);
        match is_poison {
            true => Err(fails("it is poison")),
            false => Ok(()),
        }
    });
    let process = place.process(script.clone()).await;
    process.tell("a", "a1").await;
    process.tell("a", "a2").await;
    assert_eq!(process.until_ledger_has(1).await, ["a2"]);
    assert_eq!(script.calls(), 6);
    process.until_all_is_sent().await;

    let inspector = process.inspector().await;
    let letters = inspector.dead_letters().await.unwrap();
    let [letter] = letters.as_slice() else {
        panic!("one dead letter, not {letters:?}");
    };
    assert_eq!(letter.consumer, "ledger");
    assert_eq!(letter.key, "a");
    assert_eq!(letter.problem, "it is poison");
    assert_eq!(letter.tries, 5);

    let id = letter.event_id;
    assert_eq!(inspector.replay(Some(id)).await.unwrap(), 1);
    until("it is put aside again", async || {
        let letters = inspector.dead_letters().await.unwrap();
        script.calls() == 11 && letters.iter().any(|letter| !letter.is_asked_for)
    })
    .await;
    is_mended.store(true, Ordering::SeqCst);
    assert_eq!(inspector.replay(None).await.unwrap(), 1);
    assert_eq!(process.until_ledger_has(2).await, ["a2", "a1"]);
    until("no dead letter is left", async || {
        inspector.dead_letters().await.unwrap().is_empty()
    })
    .await;
}

async fn a_handler_that_panics_holds_up_nobody(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let script = Script::new(|event| {
        assert_ne!(event.event.message_id, "a1", "on purpose");
        Ok(())
    });
    let process = place.process(script).await;
    process.tell("a", "a1").await;
    process.tell("a", "a2").await;
    assert_eq!(process.until_ledger_has(1).await, ["a2"]);
    let letters = process.inspector().await.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1);
}

async fn an_event_waits_for_what_is_away_and_is_not_put_aside(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let is_away = Arc::new(AtomicBool::new(true));
    let away = Arc::clone(&is_away);
    let script = Script::new(move |_| match away.load(Ordering::SeqCst) {
        true => Err(Failure::Unavailable("the index is away".into())),
        false => Ok(()),
    });
    let process = place.process(script.clone()).await;
    process.tell("a", "a1").await;
    until("it was tried often", async || script.calls() > 6).await;
    is_away.store(false, Ordering::SeqCst);
    assert_eq!(process.until_ledger_has(1).await, ["a1"]);
    let letters = process.inspector().await.dead_letters().await.unwrap();
    assert_eq!(letters, []);
}

async fn a_restart_finds_what_was_not_handled(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let script = Script::new(|_| Err(Failure::Unavailable("everything is away".into())));
    let process = place.process(script.clone()).await;
    for message in ["a1", "a2", "a3"] {
        process.tell("a", message).await;
    }
    until("it was tried", async || script.calls() > 0).await;
    process.stop().await;
    let process = place.process(Script::willing()).await;
    assert_eq!(process.until_ledger_has(3).await, ["a1", "a2", "a3"]);
}

async fn a_consumer_that_comes_later_gets_what_comes_later(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let process = place.teller().await;
    process.tell("a", "a1").await;
    process.until_all_is_sent().await;
    process.tell("a", "a2").await;
    process.stop().await;
    place.time.advance(Duration::from_secs(1));
    let process = place.process(Script::willing()).await;
    process.tell("a", "a3").await;
    assert_eq!(process.until_ledger_has(1).await, ["a3"]);
    process.stop().await;
    // From its first start on, it misses nothing.
    let process = place.teller().await;
    if carrier == Carrier::JetStream {
        process.tell("a", "a4").await;
        process.until_all_is_sent().await;
    }
    process.stop().await;
    let process = place.process(Script::willing()).await;
    process.tell("a", "a5").await;
    let expected: &[&str] = match carrier {
        Carrier::InProcess => &["a3", "a5"],
        Carrier::JetStream => &["a3", "a4", "a5"],
    };
    assert_eq!(process.until_ledger_has(expected.len()).await, expected);
}

async fn what_was_sent_stays_only_where_it_can_be_lost(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let process = place.process(Script::willing()).await;
    process.tell("a", "a1").await;
    process.until_ledger_has(1).await;
    process.until_all_is_sent().await;
    if carrier == Carrier::InProcess {
        assert_eq!(process.count("outbox").await, 0);
        if store == Store::Sqlite {
            until("the inbox is empty", async || {
                process.count("inbox").await == 0
            })
            .await;
        }
        return;
    }
    place.time.advance(Duration::from_hours(23));
    process.tell("a", "a2").await;
    process.until_all_is_sent().await;
    process.stop().await;
    assert_eq!(place.teller().await.count("outbox").await, 2);
    place.time.advance(Duration::from_hours(2));
    // It looks when it starts.
    let process = place.teller().await;
    until("only the newer event is kept", async || {
        process.count("outbox").await == 1
    })
    .await;
}

async fn what_is_handled_stays_handled_over_restarts(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let is_poison = |message: &str| message.ends_with('2');
    let script = Script::new(move |event| match is_poison(&event.event.message_id) {
        true => Err(fails("it is poison")),
        false => Ok(()),
    });
    let process = place.process(script).await;
    for message in ["a1", "a2", "a3"] {
        process.tell("a", message).await;
    }
    process.until_ledger_has(2).await;
    process.until_all_is_sent().await;
    process.stop().await;
    for _ in 0..2 {
        let process = place.process(Script::willing()).await;
        process.until_all_is_sent().await;
        process.stop().await;
    }
    // A dead letter outlives its row.
    let process = place.process(Script::willing()).await;
    let inspector = process.inspector().await;
    assert_eq!(inspector.replay(None).await.unwrap(), 1);
    process.until_ledger_has(3).await;
    until("no dead letter is left", async || {
        inspector.dead_letters().await.unwrap().is_empty()
    })
    .await;
    assert_eq!(process.ledger().await, ["a1", "a3", "a2"]);
}

async fn what_happens_after_the_clock_was_set_back_is_handled(carrier: Carrier, store: Store) {
    let place = Place::new(carrier, store).await;
    let process = place.process(Script::willing()).await;
    place.time.set_back(Duration::from_hours(1));
    process.tell("a", "a1").await;
    assert_eq!(process.until_ledger_has(1).await, ["a1"]);
    process.stop().await;
    place.time.set_back(Duration::from_hours(1));
    let process = place.process(Script::willing()).await;
    process.tell("a", "a2").await;
    assert_eq!(process.until_ledger_has(2).await, ["a1", "a2"]);
}
