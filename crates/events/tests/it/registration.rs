//! What may be registered once is refused the second time, by name, and nothing after the start.

use std::sync::Arc;

use platform::Clock;
use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};
use storage::database::Transaction;
use storage::{Database, Storage};
use troupe_events::{
    BatchHandler, Consumer, Events, Failure, Handler, NatsConfig, Received, RegisterError,
    StartError,
};
use troupe_proto::events::{MessageWritten, SessionDeleted};

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        troupe_events::migrations()
    }
}

struct Deaf;

impl<E: troupe_proto::Event> Handler<E> for Deaf {
    type Prepared = ();

    async fn prepare(&self, _: &Received<E>) -> Result<(), Failure> {
        Ok(())
    }

    async fn apply(&self, _: &Transaction<'_>, _: &Received<E>, (): &()) -> Result<(), Failure> {
        Ok(())
    }
}

impl<E: troupe_proto::Event> BatchHandler<E> for Deaf {
    async fn apply(&self, _: &Transaction<'_>, _: &[Received<E>]) -> Result<(), Failure> {
        Ok(())
    }
}

#[tokio::test]
async fn refuses_a_second_outbox_of_a_service_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::new(folder.path());
    let (events, clock) = (Events::default(), Clock::system());
    let db = Database::open::<Migrator>(&storage, "roleplay")
        .await
        .unwrap();
    let register = |service| events.register(service, &db, &clock).map(drop);
    assert_eq!(register("roleplay"), Ok(()));
    let refused = register("roleplay").unwrap_err();
    assert_eq!(refused, RegisterError::Outbox("roleplay"));
    assert!(refused.to_string().contains("roleplay"), "{refused}");
}

#[tokio::test]
async fn refuses_a_second_consumer_of_a_name_and_a_second_handler_of_a_type() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::new(folder.path());
    let events = Events::default();
    let db = Database::open::<Migrator>(&storage, "roleplay")
        .await
        .unwrap();
    let deaf = Arc::new(Deaf);
    let consumer = |name| Consumer::new(name, &db).on::<MessageWritten, _>(&deaf);
    assert_eq!(events.consume(consumer("memory")), Ok(()));
    let other = Consumer::new("memory", &db).on::<SessionDeleted, _>(&deaf);
    let refused = events.consume(other).unwrap_err();
    assert_eq!(refused, RegisterError::Consumer("memory"));
    let twice = consumer("statistics").on::<MessageWritten, _>(&deaf);
    let refused = events.consume(twice).unwrap_err();
    assert!(refused.to_string().contains("statistics"), "{refused}");
    assert_eq!(events.consume(consumer("statistics")), Ok(()));
}

#[tokio::test]
async fn refuses_a_consumer_that_handles_some_events_in_batches_and_others_not() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::new(folder.path());
    let events = Events::default();
    let db = Database::open::<Migrator>(&storage, "roleplay")
        .await
        .unwrap();
    let deaf = Arc::new(Deaf);
    let consumer = Consumer::new("raw", &db).in_batches::<MessageWritten, _>(&deaf);
    let mixed = consumer.clone().on::<SessionDeleted, _>(&deaf);
    let refused = events.consume(mixed).unwrap_err();
    assert_eq!(refused, RegisterError::Mixed("raw"));
    let all = consumer.in_batches::<SessionDeleted, _>(&deaf);
    assert_eq!(events.consume(all), Ok(()));
}

#[tokio::test]
async fn refuses_whoever_comes_after_the_start_and_a_second_start() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::new(folder.path());
    let (events, clock, tasks) = (Events::default(), Clock::system(), storage.tasks.clone());
    let db = Database::open::<Migrator>(&storage, "roleplay")
        .await
        .unwrap();
    events
        .start(&NatsConfig::default(), &clock, &tasks)
        .await
        .unwrap();
    let late = events.register("roleplay", &db, &clock);
    assert_eq!(late.unwrap_err(), RegisterError::Late("roleplay"));
    let late = Consumer::new("memory", &db).on::<MessageWritten, _>(&Arc::new(Deaf));
    let late = events.consume(late).unwrap_err();
    assert_eq!(late, RegisterError::Late("memory"));
    let again = events.start(&NatsConfig::default(), &clock, &tasks).await;
    assert!(matches!(again, Err(StartError::Twice)), "{again:?}");
}
