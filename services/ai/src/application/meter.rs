//! Counts what a generation takes, and sees to it that the ledger learns of it however the generation ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use platform::id::{GenerationId, UserId};
use platform::trace::Cause;
use platform::{Clock, Tasks};
use tokio::task::JoinHandle;

use super::observe;
use crate::domain::estimate::{self, Estimate};
use crate::domain::usage::UsageRecord;
use crate::domain::{Event, Model, Outcome, Prompt, TokenUsage};
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

/// Counts one generation. Dropped before it is closed, it records the generation as cancelled.
#[derive(Debug)]
pub(crate) struct Meter {
    books: Books,
    subject: Subject,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bill {
    pub(crate) tokens: TokenUsage,
    pub(crate) cost_pico_usd: i64,
    pub(crate) estimated: bool,
}

impl Meter {
    pub(crate) fn new(books: Books, subject: Subject) -> Self {
        Self {
            books,
            subject,
            asked: Instant::now(),
            first_token: None,
            started: false,
            written: Estimate::default(),
            read: None,
            spent: None,
            closed: false,
        }
    }

    pub(crate) fn generation_id(&self) -> GenerationId {
        self.subject.generation_id
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

    /// Starts to write, where there is something to charge for.
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
        if !is_charged {
            return (bill, None);
        }
        let record = UsageRecord {
            generation_id: self.subject.generation_id,
            user_id: self.subject.user_id,
            model_id: self.subject.model.id(),
            provider: self.subject.model.provider.to_string(),
            tokens: bill.tokens,
            prices: self.subject.model.prices,
            cost_pico_usd: bill.cost_pico_usd,
            estimated: bill.estimated,
            outcome,
            first_token: self.first_token,
            create_time: self.books.clock.now(),
        };
        observe::charged(&record, &self.subject.model);
        let (ledger, cause) = (self.books.ledger.clone(), self.subject.cause.clone());
        let writing = self.books.tasks.spawn(async move {
            let generation_id = record.generation_id;
            if let Err(error) = ledger.record(record, &cause).await {
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
