//! One relay brings the events of a service, of whatever kind, each once.

use std::sync::{Mutex, MutexGuard};

use platform::Clock;
use platform::trace::Cause;
use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};
use storage::Storage;
use storage::database::Transaction;
use troupe_proto::Event;
use troupe_proto::events::{MemoryChanged, MessageWritten};

use super::*;
use crate::embedded::Dispatcher;
use crate::runner::Runner;
use crate::{Consumer, Events, Failure, Handler, Outbox, Received};

const CONSUMERS: [&str; 2] = ["first", "second"];
/// Longer than the test may take: only a wake brings an event.
const NEVER: Duration = Duration::from_hours(1);
const PATIENCE: Duration = Duration::from_secs(60);

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        crate::migrations()
    }
}

/// Hands events to consumers as the platform does, and notes each that it is given, also those that an inbox would drop.
struct Noting {
    dispatcher: Dispatcher,
    sent: Mutex<Vec<EventId>>,
}

impl Transport for Noting {
    fn system(&self) -> &'static str {
        self.dispatcher.system()
    }

    fn send(&self, envelope: Envelope) -> BoxFuture<'static, Result<(), SendError>> {
        locked(&self.sent).push(envelope.id);
        self.dispatcher.send(envelope)
    }

    fn may_lose(&self) -> bool {
        self.dispatcher.may_lose()
    }

    fn gone(&self, events: &[EventId]) {
        self.dispatcher.gone(events);
    }

    fn check<'a>(
        &'a self,
        service: &'static str,
        db: &'a Database,
    ) -> BoxFuture<'a, Result<bool, SendError>> {
        self.dispatcher.check(service, db)
    }
}

/// A consumer that notes what it was asked to handle.
#[derive(Default)]
struct Hearing(Mutex<Vec<EventId>>);

impl<E: Event> Handler<E> for Hearing {
    type Prepared = ();

    async fn prepare(&self, event: &Received<E>) -> Result<(), Failure> {
        locked(&self.0).push(event.id);
        Ok(())
    }

    async fn apply(&self, _: &Transaction<'_>, _: &Received<E>, (): &()) -> Result<(), Failure> {
        Ok(())
    }
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap()
}

async fn tell<E: Event>(db: &Database, outbox: &Outbox, event: &E) -> EventId {
    let cause = &Cause::new();
    let tell = db.transaction(|tx| Box::pin(async move { outbox.add(tx, event, cause) }));
    tell.await.unwrap()
}

#[tokio::test]
async fn events_of_two_kinds_wake_one_relay_which_hands_out_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::new(folder.path());
    let (events, clock, tasks) = (Events::default(), Clock::system(), storage.tasks.clone());
    let db = Database::open::<Migrator>(&storage, "roleplay")
        .await
        .unwrap();
    let outbox = events.register("roleplay", &db, &clock).unwrap();
    let hearing = CONSUMERS.map(|_| Arc::new(Hearing::default()));
    for (name, hearing) in CONSUMERS.into_iter().zip(&hearing) {
        let consumer = Consumer::new(name, &db)
            .on::<MessageWritten, _>(hearing)
            .on::<MemoryChanged, _>(hearing);
        events.consume(consumer).unwrap();
    }
    let (sources, consumers) = events.begin().unwrap();
    let mut runners = Vec::new();
    for consumer in consumers {
        let runner = Runner::new(consumer, clock.clone(), tasks.clone());
        runners.push(runner.await.unwrap());
    }
    let noting = Arc::new(Noting {
        dispatcher: Dispatcher { runners },
        sent: Mutex::default(),
    });
    for source in sources {
        let transport: Arc<dyn Transport> = Arc::clone(&noting) as _;
        let relay = Relay {
            poll: NEVER,
            ..source.relay(&transport, &clock, &tasks)
        };
        tasks.spawn(relay.run());
    }

    // As a service has it: each who tells has a clone.
    let (messages, memories) = (outbox.clone(), outbox);
    let mut told = Vec::new();
    for number in 0..20 {
        let session_id = format!("session {}", number % 3);
        told.push(match number % 2 {
            0 => {
                let event = MessageWritten {
                    session_id,
                    ..MessageWritten::default()
                };
                tell(&db, &messages, &event).await
            }
            _ => {
                let event = MemoryChanged {
                    session_id,
                    ..MemoryChanged::default()
                };
                tell(&db, &memories, &event).await
            }
        });
        let arrived = async {
            while hearing.iter().any(|heard| locked(&heard.0).len() <= number) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let arrived = tokio::time::timeout(PATIENCE, arrived).await;
        assert!(arrived.is_ok(), "event {number} woke nobody");
    }
    assert!(tasks.shut_down(PATIENCE).await);
    assert_eq!(*locked(&noting.sent), told);
    for heard in &hearing {
        assert_eq!(*locked(&heard.0), told);
    }
}
