//! What may be registered once is refused the second time, by name, and nothing after the start.

use std::sync::Arc;

use platform::database::Transaction;
use platform::events::{Consumer, Failure, Handler, Received, RegisterError, StartError};
use platform::{Database, Host};
use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};
use troupe_platform as platform;
use troupe_proto::events::{MessageWritten, SessionDeleted};

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        platform::events::migrations()
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

#[tokio::test]
async fn refuses_a_second_outbox_of_a_service_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::new(folder.path());
    let db = Database::open::<Migrator>(&host, "roleplay").await.unwrap();
    let register = |service| host.events.register(service, &db, &host.clock).map(drop);
    assert_eq!(register("roleplay"), Ok(()));
    let refused = register("roleplay").unwrap_err();
    assert_eq!(refused, RegisterError::Outbox("roleplay"));
    assert!(refused.to_string().contains("roleplay"), "{refused}");
}

#[tokio::test]
async fn refuses_a_second_consumer_of_a_name_and_a_second_handler_of_a_type() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::new(folder.path());
    let db = Database::open::<Migrator>(&host, "roleplay").await.unwrap();
    let deaf = Arc::new(Deaf);
    let consumer = |name| Consumer::new(name, &db).on::<MessageWritten, _>(&deaf);
    assert_eq!(host.events.consume(consumer("memory")), Ok(()));
    let other = Consumer::new("memory", &db).on::<SessionDeleted, _>(&deaf);
    let refused = host.events.consume(other).unwrap_err();
    assert_eq!(refused, RegisterError::Consumer("memory"));
    let twice = consumer("statistics").on::<MessageWritten, _>(&deaf);
    let refused = host.events.consume(twice).unwrap_err();
    assert!(refused.to_string().contains("statistics"), "{refused}");
    assert_eq!(host.events.consume(consumer("statistics")), Ok(()));
}

#[tokio::test]
async fn refuses_whoever_comes_after_the_start_and_a_second_start() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::new(folder.path());
    let db = Database::open::<Migrator>(&host, "roleplay").await.unwrap();
    host.events.start(&host).await.unwrap();
    let late = host.events.register("roleplay", &db, &host.clock);
    assert_eq!(late.unwrap_err(), RegisterError::Late("roleplay"));
    let late = Consumer::new("memory", &db).on::<MessageWritten, _>(&Arc::new(Deaf));
    let late = host.events.consume(late).unwrap_err();
    assert_eq!(late, RegisterError::Late("memory"));
    let again = host.events.start(&host).await;
    assert!(matches!(again, Err(StartError::Twice)), "{again:?}");
}
