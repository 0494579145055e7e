//! Characters: imported cards and what is kept beside them.

use platform::Timestamp;

use super::avatar::AvatarVersion;
use super::card::{Card, TextField};
use super::ids::CharacterId;
use super::search::folded;

/// A character: a card that somebody imported.
#[derive(Debug, Clone, PartialEq)]
pub struct Character {
    /// Its id.
    pub id: CharacterId,
    /// The card.
    pub card: Card,
    /// Its picture, if it has one.
    pub avatar: Option<AvatarVersion>,
    /// When it was imported.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
}

/// What a search looks at: name, creator and tags of a card, folded.
#[must_use]
pub fn searched_text(card: &Card) -> String {
    let mut parts = vec![
        card.name(),
        card.text(TextField::Nickname),
        card.text(TextField::Creator),
    ];
    parts.extend(card.tags());
    folded(&parts.join("\n"))
}
