//! Messages: what was said in a session. They form a tree; a swipe is a sibling.

use platform::Timestamp;
use sea_orm::{DeriveActiveEnum, EnumIter};
use serde::Deserialize;

use super::generation::State;
use super::ids::{GenerationId, MessageId, SessionId};

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
    /// The author's name at the time.
    pub speaker_name: String,
    /// The text; while a generation writes it, what it held before.
    pub text: String,
    /// How the newest generation that wrote it stands; `Completed` if a person wrote it.
    pub state: State,
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
