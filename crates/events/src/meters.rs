//! Measures what is on its way, every few seconds: what outboxes hold, how far consumers are, and the dead letters.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::Gauge;
use opentelemetry::{KeyValue, global};
use platform::telemetry::SCOPE;
use platform::{Clock, Tasks};
use storage::Database;

use super::jetstream::Server;
use super::queries;
use super::runner::Runner;
use super::transport::SendError;

const PAUSE: Duration = Duration::from_secs(10);
const SERVICE: &str = "troupe.service";
const CONSUMER: &str = "messaging.consumer.group.name";
/// Whose dead letters those on the server are.
const ALL: &str = "all";

/// What is measured.
pub(super) struct Meters {
    pub(super) outboxes: Vec<(&'static str, Database)>,
    /// The consumers of this process.
    pub(super) runners: Vec<Arc<Runner>>,
    /// Where consumers and dead letters are, unless they are in the process and its databases.
    pub(super) server: Option<Arc<Server>>,
    pub(super) clock: Clock,
}

struct Gauges {
    waiting: Gauge<u64>,
    oldest: Gauge<f64>,
    unhandled: Gauge<u64>,
    dead: Gauge<u64>,
}

impl Meters {
    /// Works until the process stops.
    pub(super) async fn run(self, tasks: Tasks) {
        let gauges = Gauges::new();
        loop {
            if let Err(error) = self.look(&gauges).await {
                tracing::debug!(%error, "events can't be measured");
            }
            tokio::select! {
                () = tasks.stopping() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    async fn look(&self, gauges: &Gauges) -> Result<(), SendError> {
        for (service, db) in &self.outboxes {
            let of_service = [KeyValue::new(SERVICE, *service)];
            let (waiting, oldest) = queries::waiting(db.read()).await?;
            let now = self.clock.now();
            let age = oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
            gauges.waiting.record(waiting, &of_service);
            gauges.oldest.record(age.as_secs_f64(), &of_service);
            if self.server.is_none() {
                let dead = queries::count_dead(db.read()).await?;
                gauges.dead.record(dead, &of_service);
            }
        }
        let Some(server) = &self.server else {
            for runner in &self.runners {
                let consumer = [KeyValue::new(CONSUMER, runner.consumer.name)];
                gauges.unhandled.record(runner.waiting(), &consumer);
            }
            return Ok(());
        };
        for lag in server.consumers().await? {
            let unhandled = lag.pending + lag.unacknowledged;
            let consumer = [KeyValue::new(CONSUMER, lag.consumer)];
            gauges.unhandled.record(unhandled, &consumer);
        }
        let dead = server.count_dead().await?;
        gauges.dead.record(dead, &[KeyValue::new(SERVICE, ALL)]);
        Ok(())
    }
}

impl Gauges {
    fn new() -> Self {
        let meter = global::meter(SCOPE);
        let events = |name, description| {
            let gauge = meter.u64_gauge(name).with_unit("{event}");
            gauge.with_description(description).build()
        };
        Self {
            waiting: events(
                "troupe.outbox.waiting",
                "Events in the outbox that aren't sent",
            ),
            oldest: meter
                .f64_gauge("troupe.outbox.oldest.age")
                .with_unit("s")
                .with_description("How long the oldest event in the outbox has been waiting")
                .build(),
            unhandled: events(
                "troupe.consumer.lag",
                "Events that the consumer hasn't handled",
            ),
            dead: events(
                "troupe.dead_letters",
                "Events that a consumer could not handle",
            ),
        }
    }
}
