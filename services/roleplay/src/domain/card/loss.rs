//! What an export can't express, or what only some programs read of it.

use std::fmt;

use super::{Card, Spec};
use crate::domain::lorebook::{Decorators, Entry};

/// Fields that V3 has and V2 doesn't.
const ONLY_V3: [&str; 7] = [
    "nickname",
    "assets",
    "group_only_greetings",
    "creator_notes_multilingual",
    "source",
    "creation_date",
    "modification_date",
];

/// Something of a character that an exported file doesn't have, or has where not every program looks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// Lines that say how an entry of the lorebook works, which V2 doesn't know, were taken out.
    Decorators,
    /// V2 doesn't know these fields; they are in the file all the same.
    Ignored {
        /// Their keys.
        fields: Vec<&'static str>,
    },
    /// The file has no place for the picture.
    Picture,
    /// The file has no place for the assets, or no room.
    Assets {
        /// How many.
        count: usize,
    },
    /// The file is larger than what an import takes.
    TooLargeToImport {
        /// The most that is taken.
        max_bytes: usize,
    },
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decorators => f.write_str(
                "V2 has no decorators: they were taken out of the lorebook, whose entries work in part",
            ),
            Self::Ignored { fields } => write!(
                f,
                "programs that read only V2 ignore these fields: {}",
                fields.join(", ")
            ),
            Self::Picture => f.write_str("JSON has no place for the picture"),
            Self::Assets { count } => write!(
                f,
                "{count} assets, such as emotions and backgrounds, aren't in the file: export CHARX for them"
            ),
            Self::TooLargeToImport { max_bytes } => write!(
                f,
                "the file is larger than {max_bytes} bytes, the most that an import here takes"
            ),
        }
    }
}

impl Card {
    /// What JSON of another specification can't express of the card.
    #[must_use]
    pub fn losses(&self, spec: Spec) -> Vec<Loss> {
        let mut losses = Vec::new();
        if self.spec() != Spec::V3 || spec == Spec::V3 {
            return losses;
        }
        let book = self.character_book();
        let entries = book.iter().flat_map(|book| &book.entries);
        let is_decorated = |entry: &Entry| entry.decorators != Decorators::default();
        if entries.into_iter().any(is_decorated) {
            losses.push(Loss::Decorators);
        }
        let is_set = |key: &&str| {
            let value = self.fields().get(key);
            value.is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()))
        };
        let fields: Vec<_> = ONLY_V3.into_iter().filter(is_set).collect();
        if !fields.is_empty() {
            losses.push(Loss::Ignored { fields });
        }
        losses
    }
}
