//! Counts what a generation takes, and sees to it that the ledger learns of it however the generation ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use platform::id::{GenerationId, UserId};
use platform::trace::Cause;
use platform::{Clock, Tasks};
use tokio::task::JoinHandle;
use troupe_proto::Classify;

use super::observe;
use crate::domain::decision::{FailedTry, Trail};
use crate::domain::estimate::{self, Estimate};
use crate::domain::usage::{Entry, UsageRecord};
use crate::domain::{Event, Model, Outcome, Prompt, ProviderError, TokenUsage};
use crate::infrastructure::ledger::Ledger;

/// What a meter writes with.
#[derive(Debug, Clone)]
pub(crate) struct Books {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
}

/// For whom a generation is, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) generation_id: GenerationId,
    pub(crate) user_id: UserId,
    pub(crate) model: Model,
    pub(crate) prompt: Arc<Prompt>,
    /// The request that asked for it.
    pub(crate) cause: Cause,
}

/// Counts one try at a generation. Dropped before it is closed, it records the generation as cancelled.
#[derive(Debug)]
pub(crate) struct Meter {
    books: Books,
    subject: Subject,
    /// What happened before.
    trail: Trail,
    asked: Instant,
    /// How long the first text took.
    first_token: Option<Duration>,
    /// Whether the provider took the request on; before, it took nothing.
    started: bool,
    written: Estimate,
    /// What the provider took of the prompt, if it said so before the end.
    read: Option<TokenUsage>,
    /// What the provider says that a generation took which fails.
    spent: Option<TokenUsage>,
    closed: bool,
}

/// What was written to the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bill {
    pub(crate) tokens: TokenUsage,
    pub(crate) cost_pico_usd: i64,
    pub(crate) estimated: bool,
}

impl Meter {
    pub(crate) fn new(books: Books, subject: Subject, trail: Trail) -> Self {
        Self {
            books,
            subject,
            trail,
            asked: Instant::now(),
            first_token: None,
            started: false,
            written: Estimate::default(),
            read: None,
            spent: None,
            closed: false,
        }
    }

    /// What happened before.
    pub(crate) fn trail(&self) -> &Trail {
        &self.trail
    }

    pub(crate) fn model_id(&self) -> String {
        self.subject.model.id()
    }

    /// Takes note of an event.
    pub(crate) fn see(&mut self, event: &Event) {
        match event {
            Event::Started => (self.started, self.read) = (true, None),
            Event::Read(usage) => self.read = Some(*usage),
            Event::Delta(text) => {
                self.first_token.get_or_insert_with(|| self.asked.elapsed());
                self.written.add(text);
            }
            Event::Spent(usage) => self.spent = Some(*usage),
            Event::Finished { .. } => {}
        }
    }

    /// Whether a generation that fails has taken something that is charged for: it gave text, or the provider says so.
    pub(crate) fn has_taken(&self) -> bool {
        self.written != Estimate::default() || self.spent.is_some()
    }

    /// Writes the end to the ledger and waits for it. Going away while waiting doesn't stop the writing.
    pub(crate) async fn close(mut self, outcome: Outcome, usage: Option<TokenUsage>) -> Bill {
        let (bill, writing) = self.write(outcome, usage);
        if let Some(writing) = writing {
            // An error says that the process is ending.
            let _ = writing.await;
        }
        bill
    }

    /// Ends a try that another one follows: what it took is a part of what happened before that.
    pub(crate) fn give_up(mut self, error: &ProviderError) -> Trail {
        self.closed = true;
        self.note(error);
        std::mem::take(&mut self.trail)
    }

    /// Ends the last try, which failed, as [`Meter::close`] does. Where a route chose the model, the ledger has the try also if there is
    /// nothing to charge for.
    pub(crate) async fn fail(mut self, error: &ProviderError) -> Bill {
        if self.trail.decision.is_some() && !self.has_taken() {
            self.note(error);
        }
        self.close(Outcome::Interrupted, None).await
    }

    /// Adds the try to those that failed.
    fn note(&mut self, error: &ProviderError) {
        // A request that was taken on, and was silent, may be charged for; one that was refused isn't.
        let is_charged =
            self.spent.is_some() || self.started && matches!(error, ProviderError::Timeout { .. });
        let bill = match is_charged {
            true => self.bill(None),
            false => Bill::default(),
        };
        self.trail.failed.push(FailedTry {
            model_id: self.subject.model.id(),
            provider: self.subject.model.provider.to_string(),
            reason: error.class().reason,
            tokens: bill.tokens,
            cost_pico_usd: bill.cost_pico_usd,
            estimated: bill.estimated,
        });
    }

    /// Starts to write, where there is something to charge for, or to tell of.
    fn write(
        &mut self,
        outcome: Outcome,
        usage: Option<TokenUsage>,
    ) -> (Bill, Option<JoinHandle<()>>) {
        self.closed = true;
        let bill = self.bill(usage);
        let is_charged = match outcome {
            Outcome::Stop | Outcome::Length | Outcome::ContentFilter => true,
            Outcome::Cancelled => self.started,
            Outcome::Interrupted => self.has_taken(),
        };
        let create_time = self.books.clock.now();
        let record = is_charged.then(|| UsageRecord {
            model_id: self.subject.model.id(),
            provider: self.subject.model.provider.to_string(),
            tokens: bill.tokens,
            prices: self.subject.model.prices,
            cost_pico_usd: bill.cost_pico_usd,
            estimated: bill.estimated,
            outcome,
            first_token: self.first_token,
        });
        if let Some(record) = &record {
            observe::charged(record, &self.subject.model);
        }
        let entry = Entry {
            generation_id: self.subject.generation_id,
            user_id: self.subject.user_id,
            record,
            trail: std::mem::take(&mut self.trail),
            create_time,
        };
        if entry.is_empty() {
            return (bill, None);
        }
        let (ledger, cause) = (self.books.ledger.clone(), self.subject.cause.clone());
        let writing = self.books.tasks.spawn(async move {
            let generation_id = entry.generation_id;
            if let Err(error) = ledger.record(entry, &cause).await {
                observe::unrecorded();
                tracing::error!(generation.id = %generation_id, %error, "usage could not be recorded");
            }
        });
        (bill, Some(writing))
    }

    fn bill(&self, usage: Option<TokenUsage>) -> Bill {
        let usage = usage.or(self.spent);
        let tokens = usage.unwrap_or_else(|| TokenUsage {
            completion: self.written.tokens(),
            ..self.read.unwrap_or_else(|| TokenUsage {
                prompt: estimate::of_prompt(&self.subject.prompt),
                ..TokenUsage::default()
            })
        });
        let prices = self.subject.model.prices;
        Bill {
            tokens,
            cost_pico_usd: prices.map_or(0, |prices| prices.cost(&tokens)),
            estimated: usage.is_none(),
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if !self.closed {
            self.write(Outcome::Cancelled, None);
        }
    }
}

#[cfg(test)]
mod tests;
