//! Two processes on one database: one carries the events, and the other follows when that one dies.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::stage::{Carrier, Place, Process, Script, Store};

/// In which another process goes on after one died.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(10);

/// A process in a runtime of its own, which can be killed.
async fn apart(place: &Arc<Place>) -> (Process, Runtime) {
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
    let place = place.clone();
    let process = runtime.spawn(async move { place.process(Script::willing()).await });
    (process.await.unwrap(), runtime)
}

async fn goes_on_when_one_dies(carrier: Carrier) {
    let place = Arc::new(Place::new(carrier, Store::Postgres).await);
    let (one, runtime) = apart(&place).await;
    one.tell("a", "a1").await;
    one.until_ledger_has(1).await;
    let two = place.process(Script::willing()).await;
    two.tell("a", "a2").await;
    assert_eq!(two.until_ledger_has(2).await, ["a1", "a2"]);
    runtime.shutdown_background();
    drop(one);
    two.tell("a", "a3").await;
    let taken_over = tokio::time::timeout(TAKEN_OVER_WITHIN, two.until_ledger_has(3));
    assert_eq!(taken_over.await.unwrap(), ["a1", "a2", "a3"]);
    two.until_all_is_sent().await;
}

#[tokio::test]
async fn another_process_carries_events_on_when_one_dies() {
    goes_on_when_one_dies(Carrier::InProcess).await;
}

#[tokio::test]
async fn another_process_carries_events_on_over_jetstream_when_one_dies() {
    goes_on_when_one_dies(Carrier::JetStream).await;
}
