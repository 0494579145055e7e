//! How models did lately: circuit breakers and rolling averages of each, in the memory of the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use platform::{Clock, Timestamp};
use tokio::sync::mpsc::UnboundedSender;

use super::observe;
use crate::domain::breaker::{Breaker, Condition, Gate, Limits, Outcome, Pass};
use crate::domain::pace::Pace;
use crate::domain::route::Standing;
use crate::domain::{Model, ProviderError};
use crate::infrastructure::conditions::{Change, Trouble};

/// Most models that are watched: people may name what a server doesn't list.
const MOST_MODELS: usize = 1024;

/// What is known. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    /// A first text that takes longer is slow.
    slow: Duration,
    clock: Clock,
    watched: Mutex<HashMap<String, Watched>>,
    changes: UnboundedSender<Change>,
}

#[derive(Debug)]
struct Watched {
    provider: Arc<str>,
    breaker: Breaker,
    pace: Pace,
}

/// A call that is being watched. Dropped before its end, it says what its giving up says.
#[derive(Debug)]
pub(crate) struct Watch {
    health: Health,
    model_id: String,
    provider: Arc<str>,
    pass: Pass,
    asked: Instant,
    first: Option<Duration>,
    is_over: bool,
}

impl Health {
    pub(crate) fn new(
        limits: Limits,
        slow: Duration,
        clock: Clock,
        changes: UnboundedSender<Change>,
    ) -> Self {
        let health = Self(Arc::new(Inner {
            limits,
            slow,
            clock,
            watched: Mutex::default(),
            changes,
        }));
        let inner = Arc::downgrade(&health.0);
        observe::breakers(move || Some(Self(inner.upgrade()?).conditions()));
        health
    }

    /// What is known of a model.
    pub(crate) fn standing(&self, model_id: &str, is_warm: bool) -> Standing {
        let now = self.0.clock.now();
        let watched = self.watched();
        let it = watched.get(model_id);
        Standing {
            gate: it.map_or(Gate::Closed, |it| it.breaker.gate(now)),
            failed_percent: it.map_or(0, |it| it.breaker.failed_percent(&self.0.limits, now)),
            first_token: it.and_then(|it| it.pace.first_token(now)),
            tokens_per_sec: it.and_then(|it| it.pace.tokens_per_sec(now)),
            is_warm,
        }
    }

    /// How a model is.
    pub(crate) fn condition(&self, model_id: &str) -> Condition {
        let watched = self.watched();
        let it = watched.get(model_id);
        it.map_or(Condition::Up, |it| it.breaker.condition())
    }

    /// Begins to watch a call, which is made now.
    pub(crate) fn begin(&self, model: &Model) -> Watch {
        let (model_id, provider) = (model.id(), Arc::clone(&model.provider));
        let pass = self.changing(&model_id, &provider, "", |breaker, now| breaker.admit(now));
        Watch {
            health: self.clone(),
            model_id,
            provider,
            // Of a model that isn't watched nothing is known.
            pass: pass.unwrap_or(Pass::Free),
            asked: Instant::now(),
            first: None,
            is_over: false,
        }
    }

    /// The provider and the condition of each model.
    fn conditions(&self) -> Vec<(Arc<str>, Condition)> {
        let watched = self.watched();
        let each = watched.values();
        each.map(|it| (Arc::clone(&it.provider), it.breaker.condition()))
            .collect()
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<String, Watched>> {
        self.0
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a model's breaker, and tells if that changed how the model or its provider is. Nothing happens where too many
    /// models are watched.
    fn changing<T>(
        &self,
        model_id: &str,
        provider: &Arc<str>,
        cause: &'static str,
        change: impl FnOnce(&mut Breaker, Timestamp) -> T,
    ) -> Option<T> {
        let now = self.0.clock.now();
        let mut watched = self.watched();
        if !watched.contains_key(model_id) {
            self.make_room(&mut watched, now)?;
            let new = Watched {
                provider: Arc::clone(provider),
                breaker: Breaker::default(),
                pace: Pace::default(),
            };
            watched.insert(model_id.to_owned(), new);
        }
        let provider_was = of_provider(&watched, provider);
        let it = watched.get_mut(model_id)?;
        let was = it.breaker.condition();
        let done = change(&mut it.breaker, now);
        let (is, gate) = (it.breaker.condition(), it.breaker.gate(now));
        if is != was {
            let provider_is = of_provider(&watched, provider);
            tracing::info!(model.id = model_id, condition = ?is, cause, "the circuit breaker of a model changes");
            observe::breaker_changed(provider, is);
            let until = match gate {
                Gate::Open(until) => until,
                Gate::Closed | Gate::HalfOpen => now,
            };
            let trouble = Trouble {
                model_id: model_id.to_owned(),
                cause: cause.to_owned(),
                until,
                since: now,
            };
            // While one call finds out, what was written when it opened stands.
            let change = Change {
                model_id: model_id.to_owned(),
                trouble: (is == Condition::Down).then_some(trouble),
                is_over: is == Condition::Up,
                provider: (provider_is != provider_was)
                    .then(|| (provider.to_string(), provider_is)),
            };
            // Nobody hears it once the platform stops.
            let _ = self.0.changes.send(change);
        }
        Some(done)
    }

    /// Forgets who wasn't asked lately, where there are too many.
    fn make_room(&self, watched: &mut HashMap<String, Watched>, now: Timestamp) -> Option<()> {
        if watched.len() >= MOST_MODELS {
            watched.retain(|_, it| !it.breaker.is_idle(&self.0.limits, now));
        }
        (watched.len() < MOST_MODELS).then_some(())
    }
}

/// The best of a provider's models.
fn of_provider(watched: &HashMap<String, Watched>, provider: &Arc<str>) -> Condition {
    let its = watched.values().filter(|it| it.provider == *provider);
    let best = its.map(|it| it.breaker.condition()).min();
    best.unwrap_or(Condition::Up)
}

impl Watch {
    /// The first text is there.
    pub(crate) fn first_text(&mut self) {
        self.first.get_or_insert_with(|| self.asked.elapsed());
    }

    /// The reply is whole, and has so many tokens.
    pub(crate) fn finished(mut self, tokens: u32) {
        if let Some(first) = self.first {
            let writing = self.asked.elapsed().saturating_sub(first);
            let now = self.health.0.clock.now();
            if let Some(it) = self.health.watched().get_mut(&self.model_id) {
                it.pace.saw(first, (tokens, writing), now);
            }
        }
        let outcome = self.as_far_as_it_went();
        self.end(outcome, "slow");
    }

    /// The call failed.
    pub(crate) fn failed(mut self, error: &ProviderError) {
        let outcome = error.outcome();
        self.end(outcome, error.kind());
        if let ProviderError::Account { .. } = error {
            self.close_others(outcome, error.kind());
        }
    }

    /// The key of one model is that of all of its provider's.
    fn close_others(&self, outcome: Outcome, cause: &'static str) {
        let others: Vec<String> = (self.health.watched().iter())
            .filter(|(id, it)| it.provider == self.provider && **id != self.model_id)
            .map(|(id, _)| id.clone())
            .collect();
        for id in others {
            let limits = &self.health.0.limits;
            self.health
                .changing(&id, &self.provider, cause, |breaker, now| {
                    breaker.record(limits, Pass::Free, outcome, now);
                });
        }
    }

    /// What a call says that didn't fail: whether its first text was slow.
    fn as_far_as_it_went(&self) -> Outcome {
        let slow = self.health.0.slow;
        match self.first {
            Some(first) if first > slow => Outcome::Slow,
            Some(_) => Outcome::Good,
            None if self.asked.elapsed() > slow => Outcome::Slow,
            None => Outcome::Nothing,
        }
    }

    fn end(&mut self, outcome: Outcome, cause: &'static str) {
        self.is_over = true;
        let (limits, pass) = (&self.health.0.limits, self.pass);
        self.health
            .changing(&self.model_id, &self.provider, cause, |breaker, now| {
                breaker.record(limits, pass, outcome, now);
            });
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.is_over {
            let outcome = self.as_far_as_it_went();
            self.end(outcome, "slow");
        }
    }
}

#[cfg(test)]
mod tests;
