//! Chats that a character answers, and its answers.

use std::borrow::Cow;

use futures::{Stream, StreamExt};
use service::fields;
use tonic::Status;
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::answer_chat_response::Event;
use troupe_proto::types::{ChatRole, FinishReason, TokenUsage};

use super::convert::session::settings;
use super::messages::Answers;
use crate::application::{Answered, Chat, Error};
use crate::domain::generation::Finish;
use crate::domain::prompt::Turn;
use crate::domain::role::Role;
use crate::infrastructure::models::End;

/// The chat of a request.
pub(super) fn chat(request: pb::AnswerChatRequest) -> Result<Chat, Status> {
    let turns = request.messages.into_iter().map(|line| {
        let role = match line.role() {
            ChatRole::System | ChatRole::Unspecified => Role::System,
            ChatRole::User => Role::User,
            ChatRole::Assistant => Role::Assistant,
        };
        Ok(Turn {
            id: Cow::Borrowed(""),
            role,
            name: Cow::Owned(fields::text("messages.name", line.name)?),
            text: Cow::Owned(fields::text("messages.text", line.text)?),
        })
    });
    Ok(Chat {
        character_id: fields::id("character_id", &request.character_id)?,
        turns: turns.collect::<Result<_, Status>>()?,
        note: fields::text("note", request.note)?,
        model_id: fields::text("model_id", request.model_id)?,
        settings: settings("request", request.settings.unwrap_or_default())?,
    })
}

/// An answer as its caller reads it.
pub(super) fn answers(
    answer: impl Stream<Item = Result<Answered, Error>> + Send + 'static,
) -> Answers<pb::AnswerChatResponse> {
    let answers = answer.map(|part| {
        let event = match part? {
            Answered::Text(text) => Event::Delta(pb::ReplyDelta { text }),
            Answered::Finished(End {
                finish,
                usage,
                model_id,
            }) => Event::Finished(pb::ReplyFinished {
                reason: reason(finish).into(),
                usage: usage.map(TokenUsage::from),
                model_id,
            }),
        };
        let event = Some(event);
        Ok(pb::AnswerChatResponse { event })
    });
    Box::pin(answers)
}

fn reason(finish: Option<Finish>) -> FinishReason {
    match finish {
        Some(Finish::Stop) => FinishReason::Stop,
        Some(Finish::Length) => FinishReason::Length,
        None => FinishReason::ContentFilter,
    }
}
