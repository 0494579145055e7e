//! Messages.

use troupe_proto::roleplay as pb;

use crate::domain::generation::State;
use crate::domain::message::{Author, Message, MessageKind};

/// The voice that a request asks for.
pub(crate) fn kind(kind: pb::MessageKind) -> MessageKind {
    match kind {
        pb::MessageKind::Unspecified | pb::MessageKind::Dialogue => MessageKind::Dialogue,
        pb::MessageKind::Narration => MessageKind::Narration,
        pb::MessageKind::OutOfCharacter => MessageKind::OutOfCharacter,
    }
}

fn optional(id: Option<impl ToString>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

impl From<Message> for pb::Message {
    fn from(message: Message) -> Self {
        let role = match message.author {
            Author::Person => pb::MessageRole::User,
            Author::Character => pb::MessageRole::Character,
        };
        let state = match message.state {
            State::Running | State::Pending => pb::MessageState::Generating,
            State::Completed => pb::MessageState::Complete,
            State::Cancelled => pb::MessageState::Cancelled,
            State::Interrupted => pb::MessageState::Interrupted,
            State::Failed => pb::MessageState::Failed,
        };
        let kind = match message.kind {
            MessageKind::Dialogue => pb::MessageKind::Dialogue,
            MessageKind::Narration => pb::MessageKind::Narration,
            MessageKind::OutOfCharacter => pb::MessageKind::OutOfCharacter,
        };
        let etag = message.etag();
        let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        Self {
            id: message.id.to_string(),
            session_id: message.session_id.to_string(),
            parent_message_id: message
                .parent_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
            role: role.into(),
            speaker_name: message.speaker_name,
            text: message.text,
            state: state.into(),
            swipe_index: number(message.swipe_index),
            swipe_count: number(message.swipe_count),
            generation_id: message
                .generation_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
            create_time: Some(message.create_time.into()),
            edit_time: message.edit_time.map(Into::into),
            kind: kind.into(),
            hidden: message.hidden,
            etag,
            participant_id: optional(message.participant_id),
            persona_id: optional(message.persona_id),
            character_id: optional(message.character_id),
        }
    }
}
