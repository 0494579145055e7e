//! How many events a second go from outbox to effect, in a transaction each or, with `in-batches`, in transactions of many.
//! Without an address in the process, with that of a NATS server over JetStream, and there beside a bare publisher that awaits
//! as many acknowledgements at a time:
//!
//!     cargo run --release -p troupe-events --example events_bench -- in-batches nats://127.0.0.1:4222
#![expect(clippy::print_stdout, reason = "it prints what it measures")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream;
use futures::StreamExt;
use platform::Clock;
use platform::config::ServerUrl;
use platform::trace::Cause;
use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};
use storage::database::Transaction;
use storage::{Database, Storage};
use tokio::sync::Notify;
use troupe_events::{BatchHandler, Consumer, Events, Failure, Handler, NatsConfig, Received};
use troupe_proto::events::MessageWritten;

const EVENTS: usize = 20_000;
/// Events of one transaction, and how many sessions they are of.
const AT_ONCE: usize = 50;
const SESSIONS: usize = 500;
const UNACKNOWLEDGED: usize = 512;
const IN_BATCHES: &str = "in-batches";

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        troupe_events::migrations()
    }
}

#[derive(Default)]
struct Count {
    handled: AtomicUsize,
    all: Notify,
}

impl Handler<MessageWritten> for Count {
    type Prepared = ();

    async fn prepare(&self, _: &Received<MessageWritten>) -> Result<(), Failure> {
        Ok(())
    }

    async fn apply(
        &self,
        _: &Transaction<'_>,
        _: &Received<MessageWritten>,
        (): &(),
    ) -> Result<(), Failure> {
        self.add(1);
        Ok(())
    }
}

impl BatchHandler<MessageWritten> for Count {
    async fn apply(
        &self,
        _: &Transaction<'_>,
        events: &[Received<MessageWritten>],
    ) -> Result<(), Failure> {
        self.add(events.len());
        Ok(())
    }
}

impl Count {
    fn add(&self, events: usize) {
        if self.handled.fetch_add(events, Ordering::Relaxed) + events == EVENTS {
            self.all.notify_one();
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let in_batches = arguments.first().is_some_and(|first| first == IN_BATCHES);
    if in_batches {
        arguments.remove(0);
    }
    let url = arguments.pop().unwrap_or_default();
    let folder = tempfile::tempdir()?;
    let nats = NatsConfig {
        url: ServerUrl::new(url.as_str()),
        prefix: format!("bench-{}", std::process::id()),
        ..NatsConfig::default()
    };
    let (events, clock) = (Events::default(), Clock::system());
    let storage = Storage::new(folder.path());
    let db = Database::open::<Migrator>(&storage, "roleplay").await?;
    let outbox = events.register("roleplay", &db, &clock)?;
    let count = Arc::new(Count::default());
    let consumer = Consumer::new("count", &db);
    events.consume(match in_batches {
        true => consumer.in_batches::<MessageWritten, _>(&count),
        false => consumer.on::<MessageWritten, _>(&count),
    })?;
    events.start(&nats, &clock, &storage.tasks).await?;

    let begun = Instant::now();
    for first in (0..EVENTS).step_by(AT_ONCE) {
        let outbox = &outbox;
        let tell = db.transaction(|tx| {
            Box::pin(async move {
                for number in first..first + AT_ONCE {
                    outbox.add(tx, &event(number), &Cause::new())?;
                }
                Ok::<_, sea_orm::DbErr>(())
            })
        });
        tell.await?;
    }
    say("written to the outbox", begun.elapsed());
    count.all.notified().await;
    say("from outbox to effect", begun.elapsed());
    if !url.is_empty() {
        let context = jetstream::new(async_nats::connect(url.as_str()).await?);
        if !in_batches {
            bare(&context, &nats.prefix).await?;
        }
        let stream = format!("{}-events", nats.prefix);
        context.delete_stream(stream).await?;
    }
    storage.tasks.shut_down(Duration::from_secs(10)).await;
    Ok(())
}

fn event(number: usize) -> MessageWritten {
    MessageWritten {
        session_id: format!("ses_{:026}", number % SESSIONS),
        message_id: format!("msg_{number:026}"),
        user_id: "usr_01h2xcejqtf2nbrexx3vqjhp41".to_owned(),
        ..MessageWritten::default()
    }
}

/// Publishes as many events to a stream of the same settings, with nothing before or behind it.
async fn bare(
    context: &jetstream::Context,
    prefix: &str,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let name = format!("{prefix}-bare");
    let config = jetstream::stream::Config {
        name: name.clone(),
        subjects: vec![format!("{prefix}.bare")],
        ..Default::default()
    };
    context.create_stream(config).await?;
    let begun = Instant::now();
    let publishing = futures::stream::iter(0..EVENTS).map(async |number| {
        let payload = troupe_proto::Event::to_bytes(&event(number)).into();
        let ack = context.publish(format!("{prefix}.bare"), payload).await?;
        ack.await
    });
    let mut publishing = publishing.buffer_unordered(UNACKNOWLEDGED);
    while let Some(ack) = publishing.next().await {
        ack?;
    }
    say("by a bare publisher", begun.elapsed());
    context.delete_stream(name).await?;
    Ok(())
}

fn say(what: &str, took: Duration) {
    let rate = EVENTS as f64 / took.as_secs_f64();
    println!("{EVENTS} events {what}: {took:.2?}, {rate:.0} a second");
}
