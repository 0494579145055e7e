//! Lorebooks as people keep them: in a character's card, or by themselves.

use platform::Timestamp;

use super::ids::{CharacterId, LorebookId};
use super::lorebook::BookDocument;

/// A lorebook that somebody keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct Book {
    /// Its id.
    pub id: LorebookId,
    /// The character whose card holds it; none if it stands by itself.
    pub character_id: Option<CharacterId>,
    /// The book.
    pub document: BookDocument,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it, or the card that holds it, last changed.
    pub update_time: Timestamp,
}
