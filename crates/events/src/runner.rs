//! Runs a consumer's handlers, by the same rules whatever the events came with: one event of a key at a time, its effect
//! once, some tries, then put aside.

mod batches;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use platform::trace::Span;
use platform::{Clock, Tasks, Timestamp};
use sea_orm::DbErr;
use tokio::sync::Semaphore;
use tracing::Instrument;

use super::consumer::Consumer;
use super::retention::LetGo;
use super::tables::inbox;
use super::{Envelope, Failure, queries, shown};

/// Handlers of one consumer that run at a time: as many as a service has connections by default, so more would only wait.
const PARALLEL: usize = 16;
/// The first and the longest wait for something that is away.
const AWAY_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_AWAY_PAUSE: Duration = Duration::from_secs(5);

/// An event that came for a consumer.
pub(super) struct Delivery {
    pub(super) envelope: Envelope,
    pub(super) settle: Box<dyn Settle>,
}

/// The acknowledgement of an event, to what delivered it. Dropping it is a negative one: the event must come again.
pub(super) trait Settle: Send + Sync {
    /// What brought the event, as traces call it.
    fn system(&self) -> &'static str;
    /// The event had its effect, now or earlier.
    fn done(self: Box<Self>) -> BoxFuture<'static, ()>;
    /// Puts the event aside. It isn't done before this succeeds.
    fn bury<'a>(
        &'a self,
        envelope: &'a Envelope,
        death: &'a Death,
    ) -> BoxFuture<'a, Result<(), Failure>>;
}

/// Why an event is put aside.
#[derive(Debug, Clone)]
pub(super) struct Death {
    pub(super) problem: String,
    pub(super) tries: u32,
    pub(super) time: Timestamp,
}

/// A consumer at work.
pub(super) struct Runner {
    pub(super) consumer: Consumer,
    pub(super) clock: Clock,
    pub(super) tasks: Tasks,
    /// Events from before this aren't for the consumer, which came later.
    since: Timestamp,
    permits: Semaphore,
    /// What can't come again.
    pub(super) let_go: LetGo,
    /// What is handled together, where the consumer takes that.
    queue: Mutex<batches::Queue>,
    /// What waits behind the event that is handled, by key.
    lanes: Mutex<HashMap<String, VecDeque<Delivery>>>,
}

impl Runner {
    /// Finds the consumer's place, or notes that it begins now.
    pub(super) async fn new(
        consumer: Consumer,
        clock: Clock,
        tasks: Tasks,
    ) -> Result<Arc<Self>, DbErr> {
        let mark = format!("consumer {}", consumer.name);
        let now = clock.now();
        let since = match queries::find_mark(consumer.db.read(), &mark).await? {
            Some(since) if since <= now => since,
            // Also where the clock was set back since then: what happens from now on is for it.
            _ => {
                let mark = &mark;
                let store = consumer.db.transaction(|tx| {
                    Box::pin(async move { queries::set_mark(tx, mark, now).await })
                });
                store.await?;
                now
            }
        };
        let let_go = LetGo::of(&consumer.db);
        Ok(Arc::new(Self {
            consumer,
            clock,
            tasks,
            since,
            permits: Semaphore::new(PARALLEL),
            let_go,
            queue: Mutex::default(),
            lanes: Mutex::default(),
        }))
    }

    /// Whether the consumer wants to know of events of a type.
    pub(super) fn wants(&self, type_name: &str) -> bool {
        self.consumer.routes.contains_key(type_name)
    }

    /// Since when events are for the consumer.
    pub(super) fn since(&self) -> Timestamp {
        self.since
    }

    /// Whether an event is for the consumer. It was told of what happened since its first start, and the rest can only be told
    /// again.
    fn is_for_it(&self, envelope: &Envelope) -> bool {
        match envelope.is_retold {
            true => self.consumer.takes_history && envelope.time < self.since,
            // Where the clock was set back, all that happens now seems to be from before.
            false => envelope.time >= self.since || self.clock.now() < self.since,
        }
    }

    /// What a note that the event is handled has for its time.
    fn time_of_note(&self, envelope: &Envelope) -> Timestamp {
        match envelope.is_retold {
            true => inbox::KEPT,
            false => self.clock.now(),
        }
    }

    /// Handles an event after those of its key that came before.
    pub(super) fn submit(self: &Arc<Self>, delivery: Delivery) {
        match self.consumer.takes_batches() {
            true => self.submit_to_batch(delivery),
            false => self.submit_to_lane(delivery),
        }
    }

    fn submit_to_lane(self: &Arc<Self>, delivery: Delivery) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        match lanes.entry(delivery.envelope.key.clone()) {
            Entry::Occupied(lane) => lane.into_mut().push_back(delivery),
            Entry::Vacant(lane) => {
                lane.insert(VecDeque::new());
                let runner = Arc::clone(self);
                self.tasks
                    .spawn(async move { runner.run_lane(delivery).await });
            }
        }
    }

    async fn run_lane(&self, first: Delivery) {
        let key = first.envelope.key.clone();
        let mut next = Some(first);
        while let Some(mut delivery) = next {
            let system = delivery.settle.system();
            let shown = shown::handling(system, self.consumer.name, &mut delivery.envelope);
            let span = self.span(&delivery.envelope);
            self.handle(delivery, shown).instrument(span).await;
            next = self.after(&key);
        }
    }

    fn after(&self, key: &str) -> Option<Delivery> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let next = lanes.get_mut(key).and_then(VecDeque::pop_front);
        if next.is_none() {
            lanes.remove(key);
        }
        next
    }

    /// How many events it has and hasn't handled.
    pub(super) fn waiting(&self) -> u64 {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let behind: usize = lanes.values().map(VecDeque::len).sum();
        (self.in_batches() + lanes.len() + behind) as u64
    }

    /// The span belongs to the trace of the call that wrote the event.
    fn span(&self, envelope: &Envelope) -> tracing::Span {
        let trace = envelope.cause.trace;
        tracing::info_span!(
            "event",
            consumer = self.consumer.name,
            event.id = %envelope.id,
            event.subject = %envelope.subject,
            request.id = %envelope.cause.request_id,
            trace.id = trace.trace_id(),
            span.id = trace.span_id(),
        )
    }

    /// Tries to handle an event until it has its effect, is put aside, or the process stops.
    async fn handle(&self, delivery: Delivery, mut shown: Span) {
        let Delivery { envelope, settle } = delivery;
        let mut failures = 0;
        let mut away_pause = AWAY_PAUSE;
        loop {
            if self.tasks.token().is_cancelled() {
                return;
            }
            let pause = match self.attempt(&envelope, failures).await {
                Ok(()) => return settle.done().await,
                Err(Failure::Unavailable(cause)) => {
                    tracing::warn!(%cause, "an event waits for something that is away");
                    let pause = away_pause;
                    away_pause = (away_pause * 2).min(LONGEST_AWAY_PAUSE);
                    pause
                }
                Err(Failure::Failed(cause)) => {
                    tracing::warn!(%cause, tries = failures + 1, "an event could not be handled");
                    let pause = self.consumer.pauses.get(failures as usize).copied();
                    failures += 1;
                    let Some(pause) = pause else {
                        shown.fail("dead_letter");
                        return self
                            .bury(&envelope, settle, failures, cause.to_string())
                            .await;
                    };
                    pause
                }
            };
            self.pause(pause).await;
        }
    }

    /// Handles the event, unless it had its effect before or isn't for this consumer.
    async fn attempt(&self, envelope: &Envelope, earlier_tries: u32) -> Result<(), Failure> {
        let Some(route) = self.consumer.routes.get(envelope.type_name.as_str()) else {
            return Ok(());
        };
        let (name, id, db) = (self.consumer.name, envelope.id, &self.consumer.db);
        if !self.is_for_it(envelope) || queries::is_handled(db.read(), name, id).await? {
            return Ok(());
        }
        let stopped = || Failure::Unavailable("the process is stopping".into());
        let _permit = self.permits.acquire().await.map_err(|_| stopped())?;
        let attempt = async {
            let effect = &route.prepare(envelope, earlier_tries).await?;
            let time = self.time_of_note(envelope);
            let apply = db.transaction(|tx| {
                Box::pin(async move {
                    if queries::note_handled(tx, name, id, time).await? {
                        effect.apply(tx).await?;
                    }
                    Ok(())
                })
            });
            apply.await
        };
        // A lane must go on whatever a handler does.
        let done = AssertUnwindSafe(attempt).catch_unwind().await;
        done.unwrap_or_else(|_| Err(Failure::Failed("the handler panicked".into())))
    }

    async fn bury(
        &self,
        envelope: &Envelope,
        settle: Box<dyn Settle>,
        tries: u32,
        problem: String,
    ) {
        let time = self.clock.now();
        let death = Death {
            problem,
            tries,
            time,
        };
        let mut pause = AWAY_PAUSE;
        while let Err(error) = settle.bury(envelope, &death).await {
            tracing::warn!(%error, "an event can't be put aside yet");
            if self.tasks.token().is_cancelled() {
                return;
            }
            self.pause(pause).await;
            pause = (pause * 2).min(LONGEST_AWAY_PAUSE);
        }
        tracing::error!(problem = %death.problem, tries, "an event was put aside as a dead letter");
        settle.done().await;
    }

    /// Waits, or until the process stops.
    async fn pause(&self, pause: Duration) {
        tokio::select! {
            () = self.tasks.stopping() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
