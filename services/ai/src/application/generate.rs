//! Generates text with a model, and records what it took.

use async_stream::try_stream;
use futures::{Stream, StreamExt};
use mesh::Ctx;
use platform::id::{GenerationId, UserId};

use super::catalog::{Catalog, Choice};
use super::meter::{Bill, Books, Meter, Subject};
use super::observe::Operation;
use crate::domain::{
    Event, EventStream, FinishReason, Form, Outcome, Prompt, ProviderError, Request,
};
use crate::error::Error;

/// Runs models. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Inference {
    pub(crate) catalog: Catalog,
    pub(crate) books: Books,
}

/// What to generate, and for whom.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) generation_id: GenerationId,
    pub(crate) user_id: UserId,
    /// Empty for the default model.
    pub(crate) model_id: String,
    /// The model's name in it is filled in here.
    pub(crate) request: Request,
}

/// Something that the caller learns of a generation.
#[derive(Debug)]
pub(crate) enum Progress {
    Delta(String),
    Finished {
        reason: FinishReason,
        bill: Bill,
        model_id: String,
    },
    /// What a generation took that fails next.
    Spent(Bill),
}

impl Inference {
    /// Starts a generation. The stream ends with `Finished` or an error; dropping it cancels the generation, and what it
    /// took until then is recorded. A limit above the model's own is lowered to it.
    pub(crate) async fn generate(
        &self,
        ctx: &Ctx,
        order: Order,
    ) -> Result<impl Stream<Item = Result<Progress, ProviderError>> + Send + use<>, Error> {
        let Choice {
            model, provider, ..
        } = self.catalog.resolve(&order.model_id, ctx.deadline).await?;
        let form = match &*order.request.prompt {
            Prompt::Chat(_) => Form::Chat,
            Prompt::Text(_) => Form::Text,
        };
        if form != model.form {
            return Err(Error::WrongForm {
                model_id: model.id(),
                wanted: model.form,
            });
        }
        let mut request = order.request;
        request.model.clone_from(&model.name);
        request.max_tokens = request.max_tokens.min(model.max_reply_tokens);
        request.window_tokens = model.window_tokens;
        let subject = Subject {
            generation_id: order.generation_id,
            user_id: order.user_id,
            model,
            prompt: request.prompt.clone(),
            cause: ctx.cause(),
        };
        let operation = Operation::reply(&*provider, &subject.model, ctx.trace);
        let events = provider.generate(request, ctx.deadline);
        let meter = Meter::new(self.books.clone(), subject);
        Ok(metered(events, meter, operation))
    }
}

/// Passes events on and counts them. Whatever ends the stream, the meter learns of it.
fn metered(
    mut events: EventStream,
    mut meter: Meter,
    mut operation: Operation,
) -> impl Stream<Item = Result<Progress, ProviderError>> + Send {
    try_stream! {
        loop {
            match events.next().await.unwrap_or_else(|| Err(broken_off())) {
                Ok(Event::Finished { reason, usage }) => {
                    let model_id = meter.model_id();
                    let bill = meter.close(reason.into(), usage).await;
                    operation.finished(reason, &bill.tokens);
                    yield Progress::Finished { reason, bill, model_id };
                    return;
                }
                Ok(event) => {
                    meter.see(&event);
                    operation.see(&event);
                    if let Event::Delta(text) = event {
                        yield Progress::Delta(text);
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        generation.id = %meter.generation_id(), model.id = meter.model_id(),
                        %error, cause = error.cause(), "generation failed"
                    );
                    let has_taken = meter.has_taken();
                    let bill = meter.close(Outcome::Interrupted, None).await;
                    let failed = Err(error);
                    operation.ended(&failed);
                    if has_taken {
                        yield Progress::Spent(bill);
                    }
                    failed?;
                    return;
                }
            }
        }
    }
}

fn broken_off() -> ProviderError {
    ProviderError::Interrupted {
        cause: "the provider stopped before the reply was complete".to_owned(),
    }
}
