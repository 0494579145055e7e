//! Handles many events in one transaction. What waits when a batch begins goes into it: under load batches are large, and else
//! nobody waits for others.
//!
//! One batch is at work at a time, so that keys keep their order. Where one fails, its events go to the lanes, in which each is
//! tried alone; what comes later of their keys waits there behind them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, MutexGuard, PoisonError};

use futures::FutureExt;
use platform::Timestamp;
use platform::id::EventId;
use sea_orm::DbErr;
use tracing::Instrument;

use super::{AWAY_PAUSE, Delivery, LONGEST_AWAY_PAUSE, Runner};
use crate::consumer::Effect;
use crate::{Envelope, Failure, queries, shown};

/// Events of one batch.
const MOST: usize = 500;

/// Events for a batch.
#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<Delivery>,
    in_work: usize,
    /// Whether somebody takes what waits.
    is_worked_on: bool,
}

/// Why a batch had no effect.
enum Undone {
    /// Some of it had its effect meanwhile.
    Known,
    Failed(Failure),
}

impl From<DbErr> for Undone {
    fn from(error: DbErr) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Failure> for Undone {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Runner {
    /// Handles an event with others.
    pub(super) fn submit_to_batch(self: &Arc<Self>, delivery: Delivery) {
        let mut queue = self.queue();
        queue.waiting.push_back(delivery);
        if !std::mem::replace(&mut queue.is_worked_on, true) {
            let runner = Arc::clone(self);
            self.tasks.spawn(async move { runner.run_batches().await });
        }
    }

    /// Events for batches that aren't handled.
    pub(super) fn in_batches(&self) -> usize {
        let queue = self.queue();
        queue.waiting.len() + queue.in_work
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run_batches(self: Arc<Self>) {
        while let Some(deliveries) = self.next_batch() {
            let batch = self.behind_lanes(deliveries);
            if !batch.is_empty() {
                self.handle_batch(batch).await;
            }
        }
    }

    fn next_batch(&self) -> Option<Vec<Delivery>> {
        let mut queue = self.queue();
        let count = queue.waiting.len().min(MOST);
        queue.in_work = count;
        queue.is_worked_on = count > 0;
        (count > 0).then(|| queue.waiting.drain(..count).collect())
    }

    /// Puts events behind those of their keys that are tried alone, and returns the others.
    fn behind_lanes(&self, deliveries: Vec<Delivery>) -> Vec<Delivery> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match lanes.get_mut(&delivery.envelope.key) {
                Some(lane) => lane.push_back(delivery),
                None => others.push(delivery),
            }
        }
        others
    }

    /// Tries to handle events together until they have their effects, are to be tried alone, or the process stops.
    async fn handle_batch(self: &Arc<Self>, mut batch: Vec<Delivery>) {
        let consumer = self.consumer.name;
        let span = tracing::info_span!("events", consumer, count = batch.len());
        let show = |delivery: &mut Delivery| {
            let system = delivery.settle.system();
            shown::handling(system, consumer, &mut delivery.envelope)
        };
        let shown: Vec<_> = batch.iter_mut().map(show).collect();
        let mut pause = AWAY_PAUSE;
        while !self.tasks.token().is_cancelled() {
            let attempt = self.attempt_batch(&batch).instrument(span.clone());
            match attempt.await {
                Ok(()) => {
                    drop(shown);
                    for delivery in batch {
                        delivery.settle.done().await;
                    }
                    return;
                }
                Err(Failure::Unavailable(cause)) => {
                    span.in_scope(
                        || tracing::warn!(%cause, "events wait for something that is away"),
                    );
                    self.pause(pause).await;
                    pause = (pause * 2).min(LONGEST_AWAY_PAUSE);
                }
                Err(Failure::Failed(cause)) => {
                    span.in_scope(|| {
                        tracing::warn!(%cause, "events could not be handled together; each is tried alone");
                    });
                    for delivery in batch {
                        self.submit_to_lane(delivery);
                    }
                    return;
                }
            }
        }
    }

    /// Handles those of the events that are for the consumer and had no effect before.
    async fn attempt_batch(&self, batch: &[Delivery]) -> Result<(), Failure> {
        let wanted: Vec<&Envelope> = (batch.iter().map(|delivery| &delivery.envelope))
            .filter(|envelope| self.wants(&envelope.type_name) && self.is_for_it(envelope))
            .collect();
        // A lane must go on whatever a handler does, and so must batches.
        let mut done = Err(Undone::Known);
        while let Err(Undone::Known) = done {
            let attempt = AssertUnwindSafe(self.apply_together(&wanted)).catch_unwind();
            done = attempt
                .await
                .unwrap_or_else(|_| Err(Failure::Failed("a handler panicked".into()).into()));
        }
        match done {
            Err(Undone::Failed(failure)) => Err(failure),
            Ok(()) | Err(Undone::Known) => Ok(()),
        }
    }

    async fn apply_together(&self, wanted: &[&Envelope]) -> Result<(), Undone> {
        let (name, db) = (self.consumer.name, &self.consumer.db);
        let ids: Vec<EventId> = wanted.iter().map(|envelope| envelope.id).collect();
        let mut known: HashSet<EventId> = queries::which_are_handled(db.read(), name, ids).await?;
        // One may be there twice.
        let is_new = |envelope: &&&Envelope| known.insert(envelope.id);
        let new: Vec<&Envelope> = wanted.iter().filter(is_new).copied().collect();
        if new.is_empty() {
            return Ok(());
        }
        let effects: &[_] = &self.effects(&new)?;
        let notes: &[(EventId, Timestamp)] = &new
            .iter()
            .map(|envelope| (envelope.id, self.time_of_note(envelope)))
            .collect::<Vec<_>>();
        let apply = db.transaction(|tx| {
            Box::pin(async move {
                if !queries::note_all_handled(tx, name, notes).await? {
                    return Err(Undone::Known);
                }
                for effect in effects {
                    effect.apply(tx).await?;
                }
                Ok(())
            })
        });
        apply.await
    }

    /// What is to be done for events, in as few calls as keep the order of each key.
    fn effects(&self, events: &[&Envelope]) -> Result<Vec<Arc<dyn Effect>>, Failure> {
        let mut effects = Vec::new();
        for of_type in grouped(events) {
            let type_name = of_type.first().map(|envelope| envelope.type_name.as_str());
            let route = type_name.and_then(|name| self.consumer.batches.get(name));
            if let Some(route) = route {
                effects.push(route.read(&of_type)?);
            }
        }
        Ok(effects)
    }
}

/// Groups events by their types. Of each key, one that comes later is in a later place or group.
fn grouped<'e>(events: &[&'e Envelope]) -> Vec<Vec<&'e Envelope>> {
    let mut groups: Vec<Vec<&Envelope>> = Vec::new();
    let mut last_of_key: HashMap<&str, usize> = HashMap::new();
    for envelope in events {
        let from = last_of_key.get(envelope.key.as_str()).copied().unwrap_or(0);
        let of_type = |group: &Vec<&Envelope>| {
            let first = group.first();
            first.is_some_and(|first| first.type_name == envelope.type_name)
        };
        let found = groups[from..].iter().position(of_type);
        let at = found.map_or(groups.len(), |found| from + found);
        match groups.get_mut(at) {
            Some(group) => group.push(envelope),
            None => groups.push(vec![envelope]),
        }
        last_of_key.insert(&envelope.key, at);
    }
    groups
}

#[cfg(test)]
mod tests {
    use platform::trace::Cause;

    use super::*;

    fn envelope(key: &str, type_name: &str) -> Envelope {
        Envelope {
            id: EventId::new(),
            type_name: type_name.to_owned(),
            subject: String::new(),
            key: key.to_owned(),
            time: Timestamp::default(),
            payload: Vec::new(),
            cause: Cause::new(),
            is_retold: false,
        }
    }

    #[test]
    fn events_of_a_type_are_together_as_far_as_keys_keep_their_order() {
        let told = ["a w", "b w", "a e", "b e", "c e", "a w", "c w", "b w"];
        let told = told.map(|told| told.split_once(' ').unwrap());
        let envelopes = told.map(|(key, name)| envelope(key, name));
        let events: Vec<&Envelope> = envelopes.iter().collect();
        let groups = grouped(&events);
        let written = groups.iter().map(|group| {
            let events = group.iter();
            let events = events.map(|event| format!("{}{}", event.key, event.type_name));
            events.collect::<Vec<_>>().join(" ")
        });
        let written: Vec<_> = written.collect();
        assert_eq!(written, ["aw bw", "ae be ce", "aw cw bw"]);
    }
}
