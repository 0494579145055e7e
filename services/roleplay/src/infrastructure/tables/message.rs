//! The table `messages`: a tree, appended to.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::generation::State;
use crate::domain::ids::{
    CharacterId, GenerationId, MessageId, ParticipantId, PersonaId, SessionId,
};
use crate::domain::message::{Author, MessageKind};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "messages")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: MessageId,
    pub(crate) session_id: SessionId,
    pub(crate) parent_id: Option<MessageId>,
    pub(crate) author: Author,
    pub(crate) speaker_name: String,
    pub(crate) text: String,
    pub(crate) state: State,
    /// Messages before it on its path.
    pub(crate) depth: i32,
    /// How many of the messages up to it are the character's.
    pub(crate) character_count: i32,
    pub(crate) swipe_index: i32,
    /// Where a branch ended when it left this message's subtree: selecting the message goes back there.
    pub(crate) last_head_id: Option<MessageId>,
    pub(crate) generation_id: Option<GenerationId>,
    /// An ancestor further up; none in the first message of a path, and in old ones.
    pub(crate) jump_id: Option<MessageId>,
    pub(crate) jump_depth: Option<i32>,
    pub(crate) create_time: Timestamp,
    pub(crate) edit_time: Option<Timestamp>,
    pub(crate) kind: MessageKind,
    /// Whether a person hid it from models.
    pub(crate) hidden: bool,
    /// Its generation ended without a text. It stays for those who watch the generation or try again; nothing follows it.
    pub(crate) discarded: bool,
    /// The text as searches see it; none from a release before migration 0008, and while a generation writes it.
    pub(crate) search_text: Option<String>,
    /// A greeting whose macros aren't resolved, because nobody has answered it.
    pub(crate) is_template: bool,
    /// Which person said it; none for a character, and from a release before 0013, when there was one person in a session.
    pub(crate) participant_id: Option<ParticipantId>,
    /// Whom that person played.
    pub(crate) persona_id: Option<PersonaId>,
    /// Which character said it; none for a person, and from a release before 0015, when there was one character in a session.
    pub(crate) character_id: Option<CharacterId>,
}

impl ActiveModelBehavior for ActiveModel {}
