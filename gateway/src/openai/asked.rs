//! Who is asked for a reply, and with which message: a model by itself, a character or a session.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use tonic::Status;
use tonic_types::StatusExt;
use troupe_proto::ai::complete_request::Prompt;
use troupe_proto::ai::{ChatMessage, ChatPrompt, CompleteRequest, Sampling, TextPrompt};
use troupe_proto::error::invalid_field;
use troupe_proto::roleplay::{AnswerChatRequest, ChatLine, GenerationSettings, SendMessageRequest};
use troupe_proto::types::ChatRole;
use troupe_proto::{Reason, error};

use super::ask::frame;
use super::content::{Said, Told};
use super::model::Model;
use super::options::Options;
use super::reply::Source;
use super::{Facade, Roleplay};
use crate::catalog::Method;
use crate::idempotency;
use crate::refusal::Refusal;

/// What is asked for.
#[derive(Debug)]
pub(super) enum Asked {
    /// Of a model by itself.
    Model(CompleteRequest),
    /// Of a character that knows no more than it is told.
    Character(AnswerChatRequest),
    /// Of a session, which keeps what is said.
    Session(SendMessageRequest),
}

impl Asked {
    /// What a request asks for.
    ///
    /// # Errors
    /// Its model takes no such request.
    pub(super) fn new(
        options: &Options,
        told: Told,
        headers: &HeaderMap,
        facade: &Facade,
    ) -> Result<Self, Status> {
        Ok(match Model::named(options.model()) {
            Model::Raw(id) => Self::Model(completion(id, options, told)?),
            Model::Character(id) => Self::Character(chat(id, options, told)?),
            Model::Session(id) => {
                let mut message = message(id, told)?;
                if let Some(roleplay) = &facade.roleplay {
                    message.request_id = request_id(roleplay, headers)?;
                }
                Self::Session(message)
            }
        })
    }

    /// The method that it is asked of.
    ///
    /// # Errors
    /// The platform has none.
    pub(super) fn method<'f>(&self, facade: &'f Facade) -> Result<&'f Arc<Method>, Status> {
        let roleplay = || facade.roleplay.as_ref().ok_or_else(no_model);
        Ok(match self {
            Self::Model(_) => &facade.complete,
            Self::Character(_) => &roleplay()?.answer_chat,
            Self::Session(_) => &roleplay()?.send_message,
        })
    }

    /// The message as a frame of gRPC.
    pub(super) fn frame(&self) -> Result<Bytes, Status> {
        match self {
            Self::Model(request) => frame(request),
            Self::Character(request) => frame(request),
            Self::Session(request) => frame(request),
        }
    }

    /// Where the reply comes from.
    pub(super) fn source(&self) -> Source {
        match self {
            Self::Model(_) => Source::Model,
            Self::Character(_) => Source::Character,
            Self::Session(_) => Source::Session,
        }
    }

    /// What the client learns of a refusal: an id that can't be one is the name of a model that isn't there.
    pub(super) fn refused(&self, refusal: Refusal) -> Refusal {
        let id = match self {
            Self::Model(_) => "model_id",
            Self::Character(_) => "character_id",
            Self::Session(_) => "session_id",
        };
        let violations = refusal.status.get_details_bad_request();
        let mut violations = violations.iter().flat_map(|it| &it.field_violations);
        match violations.any(|violation| violation.field == id) {
            true => no_model().into(),
            false => refusal,
        }
    }
}

/// There is no such model.
pub(super) fn no_model() -> Status {
    let message = "there is no such model: /v1/models lists all that there are";
    error::status(Reason::ModelUnknown, message)
}

fn completion(id: &str, options: &Options, told: Told) -> Result<CompleteRequest, Status> {
    let message = |said: Said| ChatMessage {
        role: said.role.into(),
        content: said.text,
        name: said.name,
    };
    let prompt = match told {
        Told::Chat(messages) => Prompt::Chat(ChatPrompt {
            messages: messages.into_iter().map(message).collect(),
        }),
        Told::Text(text) => Prompt::Text(TextPrompt { text }),
    };
    Ok(CompleteRequest {
        model_id: id.to_owned(),
        sampling: Some(Sampling {
            temperature: options.temperature,
            top_p: options.top_p,
            top_k: options.top_k,
            min_p: options.min_p,
            repetition_penalty: options.repetition_penalty,
            seed: options.seed,
        }),
        max_tokens: options.max_tokens()?,
        stop: options.stop(),
        prompt: Some(prompt),
    })
}

/// The client's instructions, with which its messages begin, are a note beside the character's own.
fn chat(id: &str, options: &Options, told: Told) -> Result<AnswerChatRequest, Status> {
    let messages = said(told);
    let is_note = |said: &&Said| said.role == ChatRole::System;
    let notes: Vec<&str> = messages
        .iter()
        .take_while(is_note)
        .map(|said| &*said.text)
        .collect();
    let (first, note) = (notes.len(), notes.join("\n\n"));
    let line = |said: Said| ChatLine {
        role: said.role.into(),
        text: said.text,
        name: said.name,
    };
    let lines: Vec<ChatLine> = messages.into_iter().skip(first).map(line).collect();
    if lines.is_empty() {
        let problem = "must hold what a person says: instructions alone are no chat";
        return Err(invalid_field("messages", problem));
    }
    Ok(AnswerChatRequest {
        character_id: id.to_owned(),
        messages: lines,
        note,
        settings: Some(GenerationSettings {
            max_tokens: options.max_tokens()?,
            temperature: options.temperature,
            top_p: options.top_p,
            top_k: options.top_k,
            min_p: options.min_p,
            repetition_penalty: options.repetition_penalty,
            seed: options.seed,
            stop: options.stop(),
            ..GenerationSettings::default()
        }),
        ..AnswerChatRequest::default()
    })
}

/// The last message is what is said. Of those before, which the session has itself, the last reply tells whether it is said again.
fn message(id: &str, told: Told) -> Result<SendMessageRequest, Status> {
    let mut messages = said(told);
    let last = messages.pop().filter(|it| it.role == ChatRole::User);
    let problem = "must end with a message of the user: a session answers what is said in it";
    let last = last.ok_or_else(|| invalid_field("messages", problem))?;
    let mut replies = messages.into_iter().rev();
    let last_reply = replies.find(|it| it.role == ChatRole::Assistant);
    Ok(SendMessageRequest {
        session_id: id.to_owned(),
        text: last.text,
        last_reply: Some(last_reply.map(|it| it.text).unwrap_or_default()),
        ..SendMessageRequest::default()
    })
}

fn said(told: Told) -> Vec<Said> {
    match told {
        Told::Chat(messages) => messages,
        Told::Text(text) => vec![Said {
            role: ChatRole::User,
            text,
            name: String::new(),
        }],
    }
}

fn request_id(roleplay: &Roleplay, headers: &HeaderMap) -> Result<String, Status> {
    let plan = roleplay.send_message.plan.as_ref();
    let key = plan.map(|plan| idempotency::key(plan, headers)).transpose();
    Ok(key?.flatten().unwrap_or_default().to_owned())
}
