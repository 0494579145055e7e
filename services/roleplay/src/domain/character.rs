//! Characters: imported cards and what is kept beside them.

use platform::Timestamp;

use super::avatar::AvatarVersion;
use super::card::{Card, TextField};
use super::ids::CharacterId;

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

/// What a search looks at: name, creator and tags of a card, in lower case.
#[must_use]
pub fn searched_text(card: &Card) -> String {
    let mut parts = vec![
        card.name(),
        card.text(TextField::Nickname),
        card.text(TextField::Creator),
    ];
    parts.extend(card.tags());
    parts.join("\n").to_lowercase()
}

/// The words of a search, in lower case; each must be found.
#[must_use]
pub fn searched_words(query: &str) -> Vec<String> {
    query.split_whitespace().map(str::to_lowercase).collect()
}
