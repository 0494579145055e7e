//! Completions for people: what they ask for, and what they learn.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use platform::id::{GenerationId, UserId};
use tonic::Status;
use troupe_proto::ai as pb;
use troupe_proto::ai::complete_request::Prompt as PbPrompt;
use troupe_proto::ai::complete_response::Event;
use troupe_proto::error;
use troupe_proto::types::FinishReason;

use super::routes;
use crate::application::generate::{Order, Progress};
use crate::domain::provider::Message;
use crate::domain::{Prompt, ProviderError, Request};
use crate::error::Error;

/// A completion under way.
pub(super) type Completion =
    Pin<Box<dyn Stream<Item = Result<pb::CompleteResponse, Status>> + Send>>;

/// What a person asks for. Each request is a generation of its own.
pub(super) fn completion_of(
    user_id: UserId,
    request: pb::CompleteRequest,
) -> Result<Order, Status> {
    let prompt = match request.prompt {
        Some(PbPrompt::Chat(chat)) => {
            Prompt::Chat(chat.messages.into_iter().map(Message::from).collect())
        }
        Some(PbPrompt::Text(text)) => Prompt::Text(text.text),
        None => {
            let problem = "is missing: set chat or text";
            return Err(error::invalid_field("prompt", problem));
        }
    };
    Ok(Order {
        generation_id: GenerationId::new(),
        user_id,
        model_id: request.model_id,
        session_id: String::new(),
        language: String::new(),
        request: Request {
            model: String::new(),
            prompt: Arc::new(prompt),
            stable_bytes: 0,
            // Known once the model is.
            window_tokens: 0,
            sampling: request.sampling.unwrap_or_default().into(),
            max_tokens: request.max_tokens.map_or(u32::MAX, i32::unsigned_abs),
            stop: request.stop,
            may_retry: true,
        },
    })
}

/// What a person learns of a completion. What one took that fails is in their usage.
pub(super) fn completion(
    progress: impl Stream<Item = Result<Progress, ProviderError>> + Send + 'static,
) -> Completion {
    let answers = progress.filter_map(async |step| match step {
        Ok(Progress::Delta(text)) => Some(Ok(Event::Delta(pb::Delta { text }))),
        Ok(Progress::Finished {
            reason,
            bill,
            model_id,
            trail,
        }) => Some(Ok(Event::Finished(pb::Finished {
            reason: FinishReason::from(reason).into(),
            usage: Some(bill.into()),
            model_id,
            route: routes::decision(&trail),
        }))),
        Ok(Progress::Spent(_)) => None,
        Err(error) => Some(Err(Status::from(Error::from(error)))),
    });
    let answers = answers.map(|event| {
        let event = Some(event?);
        Ok(pb::CompleteResponse { event })
    });
    Box::pin(answers)
}
