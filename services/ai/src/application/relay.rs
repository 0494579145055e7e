//! A generation from the first try to its end: what fails before the first text is asked of the next model where that may help, and
//! after it never.

use std::collections::VecDeque;
use std::time::Duration;

use async_stream::try_stream;
use futures::{Stream, StreamExt};
use platform::id::{GenerationId, UserId};
use platform::trace::{Cause, TraceParent};
use tokio::time::{Instant, timeout_at};

use super::catalog::Choice;
use super::generate::Progress;
use super::health::Watch;
use super::meter::{Bill, Books, Meter, Subject};
use super::observe::{self, Operation};
use super::routing::Routing;
use super::warmth::Place;
use crate::domain::decision::Trail;
use crate::domain::{Event, EventStream, ProviderError, Request};

/// A generation that is to be made.
pub(super) struct Relay {
    pub(super) routing: Routing,
    pub(super) books: Books,
    /// The models, in the order in which they are tried.
    pub(super) tries: VecDeque<Choice>,
    /// The largest window of models that the prompt is too long for.
    pub(super) smaller_window: Option<u32>,
    pub(super) trail: Trail,
    /// How long the first text of a model is waited for that another follows.
    pub(super) next_after: Option<Duration>,
    /// Where it is remembered which model wrote.
    pub(super) place: Option<Place>,
    pub(super) generation_id: GenerationId,
    pub(super) user_id: UserId,
    pub(super) request: Request,
    pub(super) cause: Cause,
    pub(super) trace: TraceParent,
    pub(super) deadline: Instant,
}

/// One try, which is counted and watched whatever ends it.
struct Try {
    choice: Choice,
    events: EventStream,
    meter: Meter,
    operation: Operation,
    watch: Watch,
    /// Until when its first text is waited for.
    first_by: Option<Instant>,
    has_text: bool,
}

impl Relay {
    /// Makes it. Whatever ends the stream, the ledger learns of it.
    pub(super) fn run(mut self) -> impl Stream<Item = Result<Progress, ProviderError>> + Send {
        try_stream! {
            while let Some(mut attempt) = self.next() {
                let error = loop {
                    match attempt.next().await {
                        Ok(Event::Finished { reason, usage }) => {
                            let model_id = attempt.meter.model_id();
                            let trail = attempt.meter.trail().clone();
                            let bill = attempt.meter.close(reason.into(), usage).await;
                            attempt.operation.finished(reason, &bill.tokens);
                            attempt.watch.finished(bill.tokens.completion);
                            self.remember(&model_id);
                            yield Progress::Finished { reason, bill, model_id, trail };
                            return;
                        }
                        Ok(event) => {
                            attempt.see(&event);
                            if let Event::Delta(text) = event {
                                yield Progress::Delta(text);
                            }
                        }
                        Err(error) => break error,
                    }
                };
                if self.goes_on(&attempt, &error) {
                    self.trail = attempt.give_up(&error);
                    continue;
                }
                tracing::warn!(
                    generation.id = %self.generation_id, model.id = attempt.meter.model_id(),
                    %error, cause = error.cause(), "generation failed"
                );
                let told = self.told(&attempt, error.clone());
                let has_taken = attempt.meter.has_taken();
                let bill = attempt.fail(error).await;
                if has_taken {
                    yield Progress::Spent(bill);
                }
                Err(told)?;
                return;
            }
        }
    }

    /// The next try; none if no model is left.
    fn next(&mut self) -> Option<Try> {
        let choice = self.tries.pop_front()?;
        let Choice {
            model, provider, ..
        } = &choice;
        let mut request = self.request.clone();
        request.model.clone_from(&model.name);
        request.max_tokens = request.max_tokens.min(model.max_reply_tokens);
        request.window_tokens = model.window_tokens;
        // Another model is sooner there than this one after a pause.
        request.may_retry = self.tries.is_empty();
        let subject = Subject {
            generation_id: self.generation_id,
            user_id: self.user_id,
            model: model.clone(),
            prompt: request.prompt.clone(),
            cause: self.cause.clone(),
        };
        let operation = Operation::reply(&**provider, model, self.trace);
        let watch = self.routing.health.begin(model);
        let events = provider.generate(request, self.deadline);
        let trail = std::mem::take(&mut self.trail);
        let patience = self.next_after.filter(|_| !self.tries.is_empty());
        Some(Try {
            meter: Meter::new(self.books.clone(), subject, trail),
            first_by: patience.map(|patience| Instant::now() + patience),
            choice,
            events,
            operation,
            watch,
            has_text: false,
        })
    }

    /// Whether the next model is asked after a failure. Of those that are left, the ones go that can't cure it.
    fn goes_on(&mut self, attempt: &Try, error: &ProviderError) -> bool {
        if attempt.has_text || !error.is_curable_elsewhere() || Instant::now() >= self.deadline {
            return false;
        }
        if let ProviderError::ContextLength { window, .. } = error {
            let was = window.unwrap_or(attempt.choice.model.window_tokens);
            self.tries.retain(|it| it.model.window_tokens > was);
        }
        !self.tries.is_empty()
    }

    /// What the caller is told of the last failure: where a model is left for a shorter prompt, that the prompt is too long, so that it
    /// may be compiled anew.
    fn told(&self, attempt: &Try, error: ProviderError) -> ProviderError {
        let is_for_another = !attempt.has_text
            && error.is_curable_elsewhere()
            && !matches!(error, ProviderError::ContextLength { .. });
        match self.smaller_window.filter(|_| is_for_another) {
            Some(window) => ProviderError::ContextLength {
                tokens: None,
                window: Some(window),
            },
            None => error,
        }
    }

    fn remember(&mut self, model_id: &str) {
        if let Some(place) = self.place.take() {
            self.routing.wrote(place, model_id);
        }
    }
}

impl Try {
    /// What happens next.
    async fn next(&mut self) -> Result<Event, ProviderError> {
        let next = self.events.next();
        let next = match self.first_by.filter(|_| !self.has_text) {
            Some(until) => match timeout_at(until, next).await {
                Ok(next) => next,
                Err(_elapsed) => {
                    let waited_for =
                        "the first piece of the reply did not come while another model stood by";
                    Some(Err(ProviderError::Timeout { waited_for }))
                }
            },
            None => next.await,
        };
        next.unwrap_or_else(|| Err(broken_off()))
    }

    fn see(&mut self, event: &Event) {
        self.meter.see(event);
        self.operation.see(event);
        if let Event::Delta(_) = event {
            self.has_text = true;
            self.watch.first_text();
        }
    }

    /// Ends it for the next one, which takes over what happened so far.
    fn give_up(self, error: &ProviderError) -> Trail {
        if let Some(decision) = &self.meter.trail().decision {
            observe::fell_back(&decision.route_id, &self.choice.model, error);
        }
        tracing::info!(model.id = self.meter.model_id(), %error, cause = error.cause(), "the next model is asked");
        // The connection closes before the next one is made.
        drop(self.events);
        self.watch.failed(error);
        let trail = self.meter.give_up(error);
        self.operation.ended::<()>(&Err(error.clone()));
        trail
    }

    /// Ends it for good.
    async fn fail(self, error: ProviderError) -> Bill {
        self.watch.failed(&error);
        let bill = self.meter.fail(&error).await;
        self.operation.ended::<()>(&Err(error));
        bill
    }
}

fn broken_off() -> ProviderError {
    ProviderError::Interrupted {
        cause: "the provider stopped before the reply was complete".to_owned(),
    }
}
