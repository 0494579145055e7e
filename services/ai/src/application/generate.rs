//! Generates text with a model, or with the first of a route's models that writes, and records what it took.

use std::sync::Arc;

use futures::Stream;
use mesh::Ctx;
use platform::id::{GenerationId, UserId};

use super::meter::{Bill, Books};
use super::relay::Relay;
use super::routing::{Asked, Routing};
use crate::domain::decision::Trail;
use crate::domain::route::Wish;
use crate::domain::transcript::in_form;
use crate::domain::{FinishReason, Form, Prompt, ProviderError, Request, estimate, language};
use crate::error::Error;

/// Runs models. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Inference {
    pub(crate) routing: Routing,
    pub(crate) books: Books,
}

/// What to generate, and for whom.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) generation_id: GenerationId,
    pub(crate) user_id: UserId,
    /// Of a model or a route; empty for the default one.
    pub(crate) model_id: String,
    /// Empty for none.
    pub(crate) session_id: String,
    /// As BCP 47 writes it; empty for unknown.
    pub(crate) language: String,
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
        trail: Trail,
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
        let asked = self.routing.find(&order.model_id, ctx.deadline).await?;
        check_form(&asked, form_of(&order.request.prompt))?;
        self.run(ctx, asked, order)
    }

    /// Starts a generation of somebody who knows nothing of the forms of prompts: it is written in that of the model, or of the
    /// first of a route. Otherwise as [`Inference::generate`].
    pub(crate) async fn complete(
        &self,
        ctx: &Ctx,
        mut order: Order,
    ) -> Result<impl Stream<Item = Result<Progress, ProviderError>> + Send + use<>, Error> {
        let asked = self.routing.find(&order.model_id, ctx.deadline).await?;
        if let Some(first) = self.routing.first(&asked, &self.routing.any_wish()) {
            let prompt = Arc::unwrap_or_clone(order.request.prompt);
            let (prompt, stop) = in_form(prompt, first.model.form);
            order.request.prompt = Arc::new(prompt);
            order.request.stop.extend(stop);
        }
        self.run(ctx, asked, order)
    }

    fn run(
        &self,
        ctx: &Ctx,
        asked: Asked,
        order: Order,
    ) -> Result<impl Stream<Item = Result<Progress, ProviderError>> + Send + use<>, Error> {
        let Order { request, .. } = &order;
        let told = language::primary(&order.language);
        let wish = Wish {
            form: Some(form_of(&request.prompt)),
            prompt_tokens: asked
                .route
                .as_ref()
                .map_or(0, |_| estimate::of_prompt(&request.prompt)),
            max_tokens: request.max_tokens,
            tier: self.routing.tiers.of(order.user_id),
            language: told.or_else(|| language::of_prompt(&request.prompt)),
        };
        let (name, next_after) = (
            asked.name(),
            asked.rules().and_then(|rules| rules.next_after),
        );
        let place = asked.place(&order.session_id).map(|(place, _)| place);
        let plan = self.routing.plan(asked, &wish, &order.session_id);
        if plan.tried.is_empty() {
            return Err(Error::NoCandidate(name));
        }
        let trail = Trail {
            decision: plan.decision.as_ref().map(Arc::clone),
            failed: Vec::new(),
        };
        let relay = Relay {
            routing: self.routing.clone(),
            books: self.books.clone(),
            tries: plan.tried.into(),
            smaller_window: plan.smaller_window,
            trail,
            next_after,
            place,
            generation_id: order.generation_id,
            user_id: order.user_id,
            request: order.request,
            cause: ctx.cause(),
            trace: ctx.trace,
            deadline: ctx.deadline,
        };
        Ok(relay.run())
    }
}

fn form_of(prompt: &Prompt) -> Form {
    match prompt {
        Prompt::Chat(_) => Form::Chat,
        Prompt::Text(_) => Form::Text,
    }
}

/// Refuses a prompt of a form that no model takes which may be meant.
fn check_form(asked: &Asked, form: Form) -> Result<(), Error> {
    match asked.only_form() {
        Some(wanted) if wanted != form => Err(Error::WrongForm {
            model_id: asked.name(),
            wanted,
        }),
        _ => Ok(()),
    }
}
