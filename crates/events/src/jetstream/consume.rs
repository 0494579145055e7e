//! From the stream to a consumer: a durable one on the server, that is pulled from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::jetstream::message::{AckKind, Acker, Message};
use futures::StreamExt;
use futures::future::BoxFuture;
use platform::id::EventId;
use time::OffsetDateTime;
use tokio::time::{Instant, MissedTickBehavior};

use super::{Server, attributes, away};
use crate::runner::{Death, Delivery, Runner, Settle};
use crate::transport::SendError;
use crate::turns::{lost, take_turn};
use crate::{Envelope, Failure};

/// Events that a consumer may have unacknowledged at a time.
const UNACKNOWLEDGED: i64 = 256;
const UNACKNOWLEDGED_IN_BATCHES: i64 = 2048;
/// Silence after which the server gives an event out again, and how often an event in work breaks it.
const ACK_WAIT: Duration = Duration::from_secs(30);
const PROGRESS: Duration = Duration::from_secs(10);
/// Time between the server's signs of life, of which two may not be missing.
const HEARTBEAT: Duration = Duration::from_secs(2);
const PULL: Duration = Duration::from_secs(30);
const PULLED: usize = 128;
/// The server's clock may differ from ours by this much.
const SKEW: Duration = Duration::from_hours(1);
/// The first and the longest wait after something failed.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// After so long without a failure the next is news.
const CALM: Duration = Duration::from_secs(10);

/// Brings events to a consumer until the process stops. Of the processes that share its database one does, so that keys
/// keep their order.
pub(crate) async fn run(server: Arc<Server>, runner: Arc<Runner>) {
    let (db, tasks) = (runner.consumer.db.clone(), runner.tasks.clone());
    let to = format!("consume as {}", runner.consumer.name);
    while let Some(turn) = take_turn(&db, &to, &tasks).await {
        let consuming = Consuming {
            server: Arc::clone(&server),
            runner: Arc::clone(&runner),
            held: Held::default(),
            is_restart: true,
        };
        tokio::select! {
            () = tasks.stopping() => return,
            () = consuming.run() => {}
            error = lost(&turn) => {
                tracing::warn!(consumer = runner.consumer.name, %error, "another process may get events now");
            }
        }
    }
}

struct Consuming {
    server: Arc<Server>,
    runner: Arc<Runner>,
    held: Held,
    /// Whether another process may have left events unacknowledged.
    is_restart: bool,
}

impl Consuming {
    /// Consumes, and begins anew after each failure.
    async fn run(mut self) {
        let mut pause = PAUSE;
        let mut is_told = false;
        loop {
            let (mut got_any, begin) = (false, Instant::now());
            let Err(error) = self.consume(&mut got_any).await;
            if got_any {
                pause = PAUSE;
            }
            is_told &= !got_any && begin.elapsed() < CALM;
            let error = self.server.of_connection(error);
            if !is_told && !error.is_of_connection() {
                is_told = true;
                let consumer = self.runner.consumer.name;
                tracing::warn!(consumer, %error, "events don't come");
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Pulls until something fails; then everything is looked up anew.
    async fn consume(&mut self, got_any: &mut bool) -> Result<std::convert::Infallible, SendError> {
        let consumer = self.find().await?;
        let mut messages = consumer
            .stream()
            .max_messages_per_batch(PULLED)
            .heartbeat(HEARTBEAT)
            .expires(PULL)
            .messages()
            .await
            .map_err(away)?;
        let mut progress = tokio::time::interval(PROGRESS);
        progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = progress.tick() => self.held.progress().await,
                message = messages.next() => {
                    let message = message.ok_or_else(|| SendError::Away("it ended the pull".to_owned()))?;
                    *got_any = true;
                    self.deliver(message.map_err(away)?).await;
                }
            }
        }
    }

    /// The consumer on the server, made if it isn't there. What a process before this one left unacknowledged is given
    /// out again at once and in its order: the server on its own would wait, and bring newer events of a key before.
    async fn find(&mut self) -> Result<PullConsumer, SendError> {
        self.server.settle().await?;
        let stream = self.server.stream(self.server.events_config()).await?;
        let name = self.server.durable_name(self.runner.consumer.name);
        let mut from = DeliverPolicy::ByStartTime {
            start_time: self.since(),
        };
        match stream.consumer_info(&name).await {
            Ok(info) => {
                let left = self.is_restart && info.num_ack_pending > 0;
                let mut filters = info.config.filter_subjects;
                if filters.is_empty() {
                    filters.push(info.config.filter_subject);
                }
                if !left && filters == self.subjects() {
                    self.is_restart = false;
                    return stream
                        .get_consumer(&name)
                        .await
                        .map_err(|error| SendError::Away(error.to_string()));
                }
                if info.ack_floor.stream_sequence > 0 {
                    let start_sequence = info.ack_floor.stream_sequence + 1;
                    from = DeliverPolicy::ByStartSequence { start_sequence };
                }
                // Should the process end here, the next finds none and begins earlier; the inbox knows what was handled.
                stream.delete_consumer(&name).await.map_err(away)?;
            }
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => {}
            Err(error) => return Err(away(error)),
        }
        let consumer = stream.create_consumer(self.config(name, from));
        let consumer = consumer.await.map_err(away)?;
        self.is_restart = false;
        Ok(consumer)
    }

    /// Tries are counted here and not by the server, which neither keeps events in order nor knows why one failed.
    fn config(&self, name: String, deliver_policy: DeliverPolicy) -> pull::Config {
        pull::Config {
            durable_name: Some(name),
            deliver_policy,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: match self.runner.consumer.takes_batches() {
                true => UNACKNOWLEDGED_IN_BATCHES,
                false => UNACKNOWLEDGED,
            },
            filter_subjects: self.subjects(),
            ..pull::Config::default()
        }
    }

    fn subjects(&self) -> Vec<String> {
        let consumer = &self.runner.consumer;
        let wanted = consumer.subjects.iter();
        let mut subjects: Vec<String> = wanted
            .map(|subject| self.server.event_subject(subject))
            .collect();
        subjects.push(self.server.replay_subject(consumer.name));
        subjects
    }

    fn since(&self) -> OffsetDateTime {
        let since = (self.runner.since() - SKEW).secs();
        OffsetDateTime::from_unix_timestamp(since).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    async fn deliver(&self, message: Message) {
        let sequence = message.info().map(|info| info.stream_sequence);
        let (message, acker) = message.split();
        let headers = message.headers.unwrap_or_default();
        let envelope = attributes::read(&headers, &message.payload);
        let (Ok(sequence), Some(envelope)) = (sequence, envelope) else {
            tracing::error!("a message in the stream of events is no event; it is left out");
            if let Err(error) = acker.ack_with(AckKind::Term).await {
                tracing::warn!(%error, "a message can't be left out");
            }
            return;
        };
        let acker = Arc::new(acker);
        if !self.held.insert(envelope.id, &acker) {
            // It is in work here; the server lost patience with it.
            return;
        }
        let settle = Box::new(Answer {
            server: Arc::clone(&self.server),
            consumer: self.runner.consumer.name,
            held: self.held.clone(),
            acker,
            id: envelope.id,
            sequence,
        });
        self.runner.submit(Delivery { envelope, settle });
    }
}

/// The events that the consumer has and hasn't acknowledged.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<HashMap<EventId, Arc<Acker>>>>);

impl Held {
    /// False if the event is here already.
    fn insert(&self, id: EventId, acker: &Arc<Acker>) -> bool {
        let is_new = !self.all().contains_key(&id);
        if is_new {
            self.all().insert(id, Arc::clone(acker));
        }
        is_new
    }

    fn remove(&self, id: EventId) {
        self.all().remove(&id);
    }

    /// Tells the server that all of them are in work.
    async fn progress(&self) {
        let ackers: Vec<_> = self.all().values().cloned().collect();
        for acker in ackers {
            if let Err(error) = acker.ack_with(AckKind::Progress).await {
                tracing::debug!(%error, "the server can't be told of progress");
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<EventId, Arc<Acker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Acknowledges an event.
struct Answer {
    server: Arc<Server>,
    consumer: &'static str,
    held: Held,
    acker: Arc<Acker>,
    id: EventId,
    sequence: u64,
}

impl Settle for Answer {
    fn system(&self) -> &'static str {
        "nats"
    }

    fn done(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.held.remove(self.id);
            // One that gets lost brings the event again, and the inbox knows it.
            if let Err(error) = self.acker.ack().await {
                tracing::warn!(%error, "an event can't be acknowledged");
            }
        })
    }

    fn bury<'a>(
        &'a self,
        envelope: &'a Envelope,
        death: &'a Death,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        let buried = self
            .server
            .bury(self.consumer, envelope, death, self.sequence);
        Box::pin(async move {
            buried
                .await
                .map_err(|error| Failure::Unavailable(error.into()))
        })
    }
}
