//! `InferenceService`.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use mesh::Ctx;
use service::fields;
use tonic::{Request, Response, Status};
use troupe_proto::ai::generate_request::Prompt as PbPrompt;
use troupe_proto::ai::generate_response::Event as PbEvent;
use troupe_proto::ai::inference_service_server::InferenceService;
use troupe_proto::types::{self, ChatRole, TokenUsage};
use troupe_proto::{ai as pb, error};

use super::completion::{Completion, completion, completion_of};
use super::{routes, used};
use crate::application::generate::{Inference, Order, Progress};
use crate::application::meter::Bill;
use crate::domain::provider::{Message, Role, Sampling};
use crate::domain::{self, FinishReason, Form, Prompt};
use crate::error::Error;

#[derive(Debug)]
pub(crate) struct InferenceApi {
    pub(crate) inference: Inference,
}

#[tonic::async_trait]
impl InferenceService for InferenceApi {
    type GenerateStream = Pin<Box<dyn Stream<Item = Result<pb::GenerateResponse, Status>> + Send>>;
    type CompleteStream = Completion;

    async fn generate(
        &self,
        request: Request<pb::GenerateRequest>,
    ) -> Result<Response<Self::GenerateStream>, Status> {
        let ctx = Ctx::of(&request)?;
        let order = Order::try_from(request.into_inner())?;
        let progress = self.inference.generate(&ctx, order).await?;
        let answers = progress.map(|step| Ok(step.map_err(Error::from)?.into()));
        Ok(Response::new(Box::pin(answers)))
    }

    async fn complete(
        &self,
        request: Request<pb::CompleteRequest>,
    ) -> Result<Response<Self::CompleteStream>, Status> {
        let ctx = Ctx::of(&request)?;
        let order = completion_of(ctx.user_id()?, request.into_inner())?;
        let progress = self.inference.complete(&ctx, order).await?;
        Ok(Response::new(completion(progress)))
    }

    async fn count_tokens(
        &self,
        request: Request<pb::CountTokensRequest>,
    ) -> Result<Response<pb::CountTokensResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let routing = &self.inference.routing;
        let asked = routing.find(&request.model_id, ctx.deadline).await?;
        let choice = routing.first(&asked, &routing.any_wish());
        let gone = || Error::ModelUnknown(request.model_id.clone());
        let choice = choice.ok_or_else(gone)?;
        let counted = choice
            .provider
            .count_tokens(&choice.model.name, request.texts)
            .await;
        let counted = counted.map_err(Error::from)?;
        Ok(Response::new(pb::CountTokensResponse {
            counts: counted.counts,
            estimated: counted.estimated,
        }))
    }

    async fn resolve_model(
        &self,
        request: Request<pb::ResolveModelRequest>,
    ) -> Result<Response<pb::ResolveModelResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = request.into_inner().model_id;
        let routing = &self.inference.routing;
        let asked = routing.find(&id, ctx.deadline).await?;
        let shown = routing.shown(&asked);
        let model = Some(shown.ok_or(Error::ModelUnknown(id))?.into());
        Ok(Response::new(pb::ResolveModelResponse { model }))
    }
}

impl TryFrom<pb::GenerateRequest> for Order {
    type Error = Status;

    fn try_from(request: pb::GenerateRequest) -> Result<Self, Status> {
        let prompt = match request.prompt {
            Some(PbPrompt::Chat(chat)) => {
                Prompt::Chat(chat.messages.into_iter().map(Message::from).collect())
            }
            Some(PbPrompt::Text(text)) => Prompt::Text(text.text),
            None => {
                return Err(error::invalid_field(
                    "prompt",
                    "is missing: set chat or text",
                ));
            }
        };
        Ok(Self {
            generation_id: fields::id("generation_id", &request.generation_id)?,
            user_id: fields::id("user_id", &request.user_id)?,
            model_id: request.model_id,
            session_id: request.session_id,
            language: request.language,
            request: domain::Request {
                model: String::new(),
                prompt: Arc::new(prompt),
                stable_bytes: usize::try_from(request.stable_bytes).unwrap_or(0),
                // Known once the model is.
                window_tokens: 0,
                sampling: request.sampling.unwrap_or_default().into(),
                max_tokens: request.max_tokens.unsigned_abs(),
                stop: request.stop,
                may_retry: true,
            },
        })
    }
}

/// The form that is meant; none where none is.
pub(super) fn form(form: pb::PromptForm) -> Option<Form> {
    match form {
        pb::PromptForm::Chat => Some(Form::Chat),
        pb::PromptForm::Text => Some(Form::Text),
        pb::PromptForm::Unspecified => None,
    }
}

impl From<pb::ChatMessage> for Message {
    fn from(message: pb::ChatMessage) -> Self {
        let role = match message.role() {
            ChatRole::System => Role::System,
            ChatRole::Assistant => Role::Assistant,
            ChatRole::User | ChatRole::Unspecified => Role::User,
        };
        Self {
            role,
            content: message.content,
            name: message.name,
        }
    }
}

impl From<pb::Sampling> for Sampling {
    fn from(sampling: pb::Sampling) -> Self {
        Self {
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            top_k: sampling.top_k,
            min_p: sampling.min_p,
            repetition_penalty: sampling.repetition_penalty,
            seed: sampling.seed,
        }
    }
}

impl From<Progress> for pb::GenerateResponse {
    fn from(progress: Progress) -> Self {
        let event = match progress {
            Progress::Delta(text) => PbEvent::Delta(pb::Delta { text }),
            Progress::Finished {
                reason,
                bill,
                model_id,
                trail,
            } => PbEvent::Finished(pb::Finished {
                reason: types::FinishReason::from(reason).into(),
                usage: Some(bill.into()),
                model_id,
                route: routes::decision(&trail),
            }),
            Progress::Spent(bill) => PbEvent::Spent(bill.into()),
        };
        Self { event: Some(event) }
    }
}

impl From<FinishReason> for types::FinishReason {
    fn from(reason: FinishReason) -> Self {
        match reason {
            FinishReason::Stop => Self::Stop,
            FinishReason::Length => Self::Length,
            FinishReason::ContentFilter => Self::ContentFilter,
        }
    }
}

impl From<Bill> for TokenUsage {
    fn from(bill: Bill) -> Self {
        used(&bill.tokens, bill.cost_pico_usd, bill.estimated)
    }
}
