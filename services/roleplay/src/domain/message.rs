//! Messages: what was said in a session. They form a tree; a swipe is a sibling.

use platform::Timestamp;
use sea_orm::{DeriveActiveEnum, EnumIter};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::etag::hash_etag;
use super::generation::State;
use super::ids::{CharacterId, GenerationId, MessageId, ParticipantId, PersonaId, SessionId};

/// Longest message that can be continued, in bytes of UTF-8: a message must fit an answer of gRPC.
pub const MAX_CONTINUED_BYTES: usize = 800_000;

/// Who said a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "snake_case")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Author {
    /// The person.
    Person,
    /// The character.
    Character,
}

/// In which voice something is said. The names are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "snake_case")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum MessageKind {
    /// Its author speaks and acts.
    #[default]
    Dialogue,
    /// A narrator tells what happens.
    Narration,
    /// Said beside the story, between people.
    OutOfCharacter,
}

impl MessageKind {
    /// Whether models may read it.
    #[must_use]
    pub fn is_for_models(self) -> bool {
        self != Self::OutOfCharacter
    }
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The session it belongs to.
    pub session_id: SessionId,
    /// The message before it; none for a first one.
    pub parent_id: Option<MessageId>,
    /// Who said it.
    pub author: Author,
    /// Which person; none for a character.
    pub participant_id: Option<ParticipantId>,
    /// Whom that person played; none for themselves.
    pub persona_id: Option<PersonaId>,
    /// Which character; none for a person, and where nobody noted it.
    pub character_id: Option<CharacterId>,
    /// In which voice.
    pub kind: MessageKind,
    /// The author's name at the time; empty for a narrator.
    pub speaker_name: String,
    /// The text; while a generation writes it, what it held before.
    pub text: String,
    /// How the newest generation that wrote it stands; `Completed` if a person wrote it.
    pub state: State,
    /// A person hid it from models.
    pub hidden: bool,
    /// Messages before it on its path.
    pub depth: u32,
    /// How many of the messages up to it, itself included, are the character's.
    pub character_count: u32,
    /// Place among its swipes, from 0.
    pub swipe_index: u32,
    /// How many swipes there are, itself included.
    pub swipe_count: u32,
    /// The newest generation that wrote it.
    pub generation_id: Option<GenerationId>,
    /// When it was made.
    pub create_time: Timestamp,
    /// When a person last changed its text.
    pub edit_time: Option<Timestamp>,
    /// A greeting that nobody has answered; its text has its macros until it is shown.
    pub is_template: bool,
}

impl Message {
    /// What tells this state of it from others that it had or will have.
    #[must_use]
    pub fn etag(&self) -> String {
        let mut state = Sha256::new();
        state.update([u8::from(self.hidden)]);
        state.update(format!("{:?}", self.state));
        state.update([0]);
        state.update(&self.text);
        hash_etag(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            id: MessageId::new(),
            session_id: SessionId::new(),
            parent_id: None,
            author: Author::Character,
            participant_id: None,
            persona_id: None,
            character_id: None,
            kind: MessageKind::Dialogue,
            speaker_name: "Mira".to_owned(),
            text: "Come in.".to_owned(),
            state: State::Completed,
            hidden: false,
            depth: 0,
            character_count: 1,
            swipe_index: 0,
            swipe_count: 1,
            generation_id: None,
            create_time: Timestamp::default(),
            edit_time: None,
            is_template: false,
        }
    }

    #[test]
    fn what_people_may_change_and_what_generations_write_changes_the_etag() {
        let states = [
            message(),
            Message {
                text: "Go away.".to_owned(),
                ..message()
            },
            Message {
                hidden: true,
                ..message()
            },
            Message {
                state: State::Running,
                ..message()
            },
        ];
        for (at, state) in states.iter().enumerate() {
            let others = states[..at].iter().filter(|it| it.etag() == state.etag());
            assert_eq!(others.count(), 0, "{state:?}");
        }
        // What other messages do to its place is no change of it.
        let moved = Message {
            swipe_index: 2,
            swipe_count: 3,
            ..message()
        };
        assert_eq!(moved.etag(), message().etag());
    }
}
