//! Brings what stands in an outbox to the transport. Events of one key go one after another; those of different keys go
//! together, so that a slow acknowledgement holds up its own key only.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use platform::id::EventId;
use platform::{Clock, Tasks};
use storage::Database;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};

use super::tables::outbox;
use super::transport::{SendError, Transport};
use super::turns::{lost, take_turn};
use super::{Envelope, queries, shown};

/// Events that are under way at a time.
const WINDOW: usize = 512;
/// Time between such looks: another process may have written something.
pub(super) const POLL: Duration = Duration::from_secs(2);
/// How long the first event after a silence waits for others, to go with them. The answer to the request that wrote it goes
/// first meanwhile.
const LINGER: Duration = Duration::from_millis(10);
/// What one process of several does.
const TURN: &str = "send events";
/// The first and the longest wait after something failed.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// What brings a service's outbox to the transport.
pub(super) struct Relay {
    pub(super) service: &'static str,
    pub(super) db: Database,
    pub(super) wake: Arc<Notify>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) clock: Clock,
    pub(super) tasks: Tasks,
    /// Time between looks at the outbox when nobody says that something was written.
    pub(super) poll: Duration,
}

/// What is under way.
#[derive(Default)]
struct Flow {
    /// Rows that were read and aren't marked as sent.
    taken: HashSet<i64>,
    /// Rows behind the one of their key that is being sent.
    lanes: HashMap<String, VecDeque<outbox::Model>>,
    sending: FuturesUnordered<BoxFuture<'static, Sent>>,
    /// Rows that are sent and not marked yet.
    sent: Vec<(i64, EventId)>,
    /// Whether there may be rows beyond those that were read.
    has_more: bool,
    /// Until when nothing is to be read: until the first look around, and after a failure.
    pause_until: Option<Instant>,
    failures: u32,
    /// Whether the log has that events wait.
    is_told: bool,
}

struct Sent {
    seq: i64,
    id: EventId,
    key: String,
    result: Result<(), SendError>,
}

impl Relay {
    /// Works until the process stops. Of the processes that share the outbox one does, so that keys keep their order.
    pub(super) async fn run(self) {
        while let Some(turn) = take_turn(&self.db, TURN, &self.tasks).await {
            tokio::select! {
                () = self.work() => return,
                // What is under way is left; whoever has the turn now sends it again.
                error = lost(&turn) => {
                    tracing::warn!(service = self.service, %error, "another process may send events now");
                }
            }
        }
    }

    /// Works until the process stops.
    async fn work(&self) {
        let mut flow = Flow {
            pause_until: Some(Instant::now()),
            ..Flow::default()
        };
        let mut polls = tokio::time::interval(self.poll);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let pause_until = flow.pause_until;
            let resume = async move {
                match pause_until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let step = tokio::select! {
                biased;
                () = self.tasks.stopping() => break,
                Some(sent) = flow.sending.next() => self.settle(&mut flow, sent).await,
                () = resume => {
                    flow.pause_until = None;
                    self.look_around(&mut flow).await
                }
                () = self.wake.notified(), if pause_until.is_none() => {
                    if flow.sending.is_empty() {
                        tokio::time::sleep(LINGER).await;
                    }
                    self.advance(&mut flow).await
                }
                _ = polls.tick() => match pause_until {
                    Some(_) => Ok(()),
                    None => self.look_around(&mut flow).await,
                },
            };
            if let Err(error) = step {
                self.failed(&mut flow, &error);
            }
        }
        // What arrived is noted, so that it needn't come again.
        if let Err(error) = self.mark(&mut flow).await {
            tracing::warn!(%error, "what was sent can't be noted; it will be sent again");
        }
    }

    async fn look_around(&self, flow: &mut Flow) -> Result<(), SendError> {
        self.mark(flow).await?;
        let is_lost = self.transport.check(self.service, &self.db).await?;
        if is_lost {
            // What is under way went, or goes, to a place that is gone.
            *flow = Flow::default();
        }
        self.advance(flow).await?;
        if flow.sending.is_empty() {
            self.succeeded(flow);
        }
        Ok(())
    }

    /// Notes what is sent and reads what isn't.
    async fn advance(&self, flow: &mut Flow) -> Result<(), SendError> {
        self.mark(flow).await?;
        if flow.taken.len() > WINDOW / 2 {
            // Reading now would mostly bring what was read before.
            flow.has_more = true;
            return Ok(());
        }
        let rows = queries::unsent(self.db.read(), WINDOW as u64).await?;
        flow.has_more = rows.len() == WINDOW;
        for row in rows {
            if flow.taken.insert(row.seq) {
                self.enqueue(flow, row);
            }
        }
        Ok(())
    }

    fn enqueue(&self, flow: &mut Flow, row: outbox::Model) {
        match flow.lanes.get_mut(&row.key) {
            Some(lane) => lane.push_back(row),
            None => {
                flow.lanes.insert(row.key.clone(), VecDeque::new());
                self.send(flow, row);
            }
        }
    }

    fn send(&self, flow: &mut Flow, row: outbox::Model) {
        let (seq, id, key) = (row.seq, row.event_id, row.key.clone());
        let sending = match Envelope::try_from(row) {
            Ok(envelope) => self.carry(envelope),
            Err(error) => Box::pin(std::future::ready(Err(error.into()))),
        };
        let sending = sending.map(move |result| Sent {
            seq,
            id,
            key,
            result,
        });
        flow.sending.push(sending.boxed());
    }

    fn carry(&self, mut envelope: Envelope) -> BoxFuture<'static, Result<(), SendError>> {
        let mut span = shown::sending(self.transport.system(), &mut envelope);
        let sending = self.transport.send(envelope);
        if !span.is_wanted() {
            return sending;
        }
        Box::pin(async move {
            let sent = sending.await;
            if let Err(error) = &sent {
                span.fail(error.kind());
            }
            sent
        })
    }

    /// Takes the acknowledgements of what has been sent, and goes on with the next event of each key.
    async fn settle(&self, flow: &mut Flow, first: Sent) -> Result<(), SendError> {
        let mut next = Some(first);
        let mut failure = None;
        while let Some(sent) = next {
            match sent.result {
                Ok(()) => {
                    self.succeeded(flow);
                    flow.sent.push((sent.seq, sent.id));
                    match flow.lanes.get_mut(&sent.key).and_then(VecDeque::pop_front) {
                        Some(row) => self.send(flow, row),
                        None => drop(flow.lanes.remove(&sent.key)),
                    }
                }
                Err(error) => {
                    flow.give_up(sent.seq, &sent.key);
                    failure = Some(error);
                }
            }
            next = flow.sending.next().now_or_never().flatten();
        }
        self.mark(flow).await?;
        if let Some(error) = failure {
            return Err(error);
        }
        if flow.has_more && flow.taken.len() <= WINDOW / 2 && flow.pause_until.is_none() {
            self.advance(flow).await?;
        }
        Ok(())
    }

    /// Notes what is sent, or removes it where nothing could lose it.
    async fn mark(&self, flow: &mut Flow) -> Result<(), SendError> {
        if flow.sent.is_empty() {
            return Ok(());
        }
        let (seqs, events): (Vec<_>, Vec<_>) = flow.sent.iter().copied().unzip();
        let (seqs, now, is_kept) = (&seqs, self.clock.now(), self.transport.may_lose());
        let mark = self.db.transaction(|tx| {
            Box::pin(async move {
                match is_kept {
                    true => queries::mark_sent(tx, seqs, now).await,
                    false => queries::remove(tx, seqs).await,
                }
            })
        });
        mark.await?;
        if !is_kept {
            self.transport.gone(&events);
        }
        for (seq, _) in flow.sent.drain(..) {
            flow.taken.remove(&seq);
        }
        Ok(())
    }

    fn failed(&self, flow: &mut Flow, error: &SendError) {
        let pause = PAUSE * 2u32.saturating_pow(flow.failures);
        flow.failures = (flow.failures + 1).min(16);
        flow.pause_until = Some(Instant::now() + pause.min(LONGEST_PAUSE));
        if !flow.is_told && !error.is_of_connection() {
            flow.is_told = true;
            tracing::warn!(service = self.service, %error, "events wait in the outbox");
        }
    }

    fn succeeded(&self, flow: &mut Flow) {
        flow.failures = 0;
        if std::mem::take(&mut flow.is_told) {
            tracing::info!(service = self.service, "events are sent again");
        }
    }
}

impl Flow {
    /// Lets go of a row and of those behind it, to be read again in their order.
    fn give_up(&mut self, seq: i64, key: &str) {
        self.taken.remove(&seq);
        for row in self.lanes.remove(key).unwrap_or_default() {
            self.taken.remove(&row.seq);
        }
    }
}

#[cfg(test)]
mod tests;
