//! What happens to events when the server of events goes, comes back, or comes back empty.

use async_nats::jetstream;
use testkit::servers::Nats;
use troupe_events::Inspector;

use crate::stage::{Carrier, Place, Script, Store, until};

async fn unsent(inspector: &Inspector) -> u64 {
    inspector.lag().await.unwrap().outboxes[0].unsent
}

async fn context(server: &Nats) -> jetstream::Context {
    jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

fn stream_of(place: &Place) -> String {
    format!("{}-events", place.prefix())
}

#[tokio::test]
async fn a_server_that_is_killed_in_the_middle_loses_nothing_and_doubles_nothing() {
    let server = Nats::start(None).await.unwrap();
    let place = Place::on(&server);
    let process = place.process(Script::willing()).await;
    let mut told = Vec::new();
    for number in 0..300 {
        match number {
            100 => server.daemon().unwrap().kill().unwrap(),
            200 => server.daemon().unwrap().start().unwrap(),
            _ => {}
        }
        let (session, message) = (format!("s{}", number % 7), format!("m{number}"));
        process.tell(&session, &message).await;
        told.push(message);
    }
    let mut ledger = process.until_ledger_has(told.len()).await;
    process.until_all_is_sent().await;
    ledger.sort_unstable();
    told.sort_unstable();
    assert_eq!(ledger, told);
    assert_eq!(process.ledger().await.len(), told.len());
}

#[tokio::test]
async fn a_process_starts_without_the_server_and_tells_when_it_comes() {
    let server = Nats::start(None).await.unwrap();
    server.daemon().unwrap().kill().unwrap();
    let place = Place::on(&server);
    let process = place.process(Script::willing()).await;
    process.tell("a", "a1").await;
    assert_eq!(process.ledger().await, Vec::<String>::new());
    server.daemon().unwrap().start().unwrap();
    assert_eq!(process.until_ledger_has(1).await, ["a1"]);
}

#[tokio::test]
async fn an_event_that_is_published_twice_is_stored_once() {
    let server = Nats::shared().await.unwrap();
    let place = Place::new(Carrier::JetStream, Store::Sqlite).await;
    let process = place.teller().await;
    process.tell("a", "a1").await;
    process.until_all_is_sent().await;
    let stream = context(server).await.get_stream(stream_of(&place)).await;
    let stream = stream.unwrap();
    let stored = stream.get_info().await.unwrap().state.messages;
    assert_eq!(stored, 1);
    let forget = process.db.transaction(|tx| {
        Box::pin(async move {
            let forget = "UPDATE outbox SET sent_time = NULL";
            sea_orm::ConnectionTrait::execute_unprepared(tx, forget)
                .await
                .map(drop)
        })
    });
    forget.await.unwrap();
    process.tell("a", "a2").await;
    process.until_all_is_sent().await;
    assert_eq!(stream.get_info().await.unwrap().state.messages, 2);
}

#[tokio::test]
async fn a_stream_that_is_lost_is_filled_again_from_the_outbox() {
    let server = Nats::shared().await.unwrap();
    let place = Place::new(Carrier::JetStream, Store::Sqlite).await;
    let process = place.process(Script::willing()).await;
    for message in ["a1", "a2", "a3"] {
        process.tell("a", message).await;
    }
    process.until_ledger_has(3).await;
    process.until_all_is_sent().await;
    let context = context(server).await;
    context.delete_stream(stream_of(&place)).await.unwrap();
    until("the stream has everything again", async || {
        match context.get_stream(stream_of(&place)).await {
            Ok(stream) => stream.cached_info().state.messages == 3,
            Err(_) => false,
        }
    })
    .await;
    process.tell("a", "a4").await;
    assert_eq!(process.until_ledger_has(4).await, ["a1", "a2", "a3", "a4"]);
    let inspector = process.inspector().await;
    until("the consumer is through with all of it", async || {
        let lag = inspector.lag().await.unwrap();
        lag.consumers[0].pending + lag.consumers[0].unacknowledged == 0
    })
    .await;
    assert_eq!(process.ledger().await.len(), 4);
    assert_eq!(unsent(&inspector).await, 0);
}
