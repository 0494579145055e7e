//! Replies as the contracts stream them, and what every form says of one.

use platform::Timestamp;
use serde::Serialize;
use tonic::Status;
use troupe_proto::ai::{CompleteResponse, complete_response};
use troupe_proto::roleplay::{
    AnswerChatResponse, GenerationEnded, GenerationState, SendMessageResponse,
    answer_chat_response, generation_event,
};
use troupe_proto::types::{FinishReason, TokenUsage};
use troupe_proto::{Reason, error};

use super::ask::{Form, decoded};
use super::options::Options;

/// What a message says of a reply.
#[derive(Debug)]
pub(super) enum Step {
    /// That there will be one.
    Begun,
    /// More of its text.
    Text(String),
    /// Its end.
    Finished(Finished),
}

/// The end of a reply.
#[derive(Debug, Clone, Default)]
pub(super) struct Finished {
    pub(super) reason: FinishReason,
    /// Absent if nobody knows.
    pub(super) usage: Option<TokenUsage>,
}

/// A reply that is here.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) text: String,
    pub(super) finished: Option<Finished>,
}

/// Which method's messages are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Model,
    Character,
    Session,
}

/// What all parts of an answer say.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) form: Form,
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) created: i64,
    /// As the client names it.
    pub(super) model: String,
    pub(super) include_usage: bool,
}

impl Head {
    pub(super) fn new(form: Form, options: &Options, now: Timestamp) -> Self {
        let prefix = match form {
            Form::Chat => "chatcmpl-",
            Form::Text => "cmpl-",
            Form::Response => "resp_",
        };
        let model = Some(options.model()).filter(|name| !name.is_empty());
        Self {
            form,
            id: named(prefix),
            created: now.secs(),
            model: model.unwrap_or("default").to_owned(),
            include_usage: options.include_usage(),
        }
    }
}

/// A new id.
pub(super) fn named(prefix: &str) -> String {
    format!("{prefix}{:032x}", rand::random::<u128>())
}

impl Source {
    /// What a message says.
    ///
    /// # Errors
    /// The reply has failed.
    pub(super) fn step(self, message: &[u8]) -> Result<Step, Status> {
        match self {
            Self::Model => Ok(model_step(decoded(message)?)),
            Self::Character => Ok(character_step(decoded(message)?)),
            Self::Session => session_step(decoded(message)?),
        }
    }
}

fn model_step(message: CompleteResponse) -> Step {
    use complete_response::Event;
    match message.event {
        None => Step::Begun,
        Some(Event::Delta(delta)) => text(delta.text),
        Some(Event::Finished(finished)) => Step::Finished(Finished {
            reason: finished.reason(),
            usage: finished.usage,
        }),
    }
}

fn character_step(message: AnswerChatResponse) -> Step {
    use answer_chat_response::Event;
    match message.event {
        None => Step::Begun,
        Some(Event::Delta(delta)) => text(delta.text),
        Some(Event::Finished(finished)) => Step::Finished(Finished {
            reason: finished.reason(),
            usage: finished.usage,
        }),
    }
}

fn session_step(message: SendMessageResponse) -> Result<Step, Status> {
    use generation_event::Event;
    match message.event.and_then(|event| event.event) {
        None | Some(Event::Started(_)) => Ok(Step::Begun),
        Some(Event::Delta(delta)) => Ok(text(delta.text)),
        Some(Event::Ended(ended)) => session_end(ended),
    }
}

fn text(text: String) -> Step {
    match text.is_empty() {
        true => Step::Begun,
        false => Step::Text(text),
    }
}

/// The end of a session's reply. One that somebody stopped is as long as they wanted.
fn session_end(ended: GenerationEnded) -> Result<Step, Status> {
    let generation = ended.generation.unwrap_or_default();
    match generation.state() {
        GenerationState::Completed | GenerationState::Cancelled => {}
        _ => {
            let failure = generation.error.unwrap_or_default();
            let reason = Reason::from_str_name(&format!("REASON_{}", failure.reason));
            let message = match failure.message.is_empty() {
                true => "the reply was interrupted: send the message again".to_owned(),
                false => failure.message,
            };
            return Err(error::status(
                reason.unwrap_or(Reason::Unavailable),
                message,
            ));
        }
    }
    Ok(Step::Finished(Finished {
        reason: generation.finish_reason(),
        usage: generation.usage,
    }))
}

/// Why a reply ended, in the words of two of the forms.
pub(super) fn finish_reason(finished: &Finished) -> &'static str {
    match finished.reason {
        FinishReason::Length => "length",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Stop | FinishReason::Unspecified => "stop",
    }
}

/// What a reply took, in the words of two of the forms.
#[derive(Debug, Serialize)]
pub(super) struct Usage {
    prompt_tokens: i32,
    completion_tokens: i32,
    total_tokens: i32,
    prompt_tokens_details: Cached,
}

#[derive(Debug, Serialize)]
pub(super) struct Cached {
    pub(super) cached_tokens: i32,
}

impl Usage {
    pub(super) fn of(finished: &Finished) -> Self {
        let usage = finished.usage.unwrap_or_default();
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
            prompt_tokens_details: Cached {
                cached_tokens: usage.cached_tokens,
            },
        }
    }
}
