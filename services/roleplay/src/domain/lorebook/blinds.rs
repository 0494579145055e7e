//! What entries aren't looked for in. Whether an entry fires shows in the size of a prompt: whoever writes keys for texts that they may
//! not read would find out what those say.

use super::{Matcher, Scan, key::Key};
use crate::domain::veils::{Veils, Writer};

/// Whose entries aren't looked for in what others wrote, because they may not read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blinds {
    /// Whose each entry is, in order. Those that aren't named are of the first card.
    pub writers: Vec<Writer>,
    /// The place of the card whose texts a scan looks at.
    pub card: usize,
    /// What the writers may not read.
    pub veils: Veils,
}

impl Blinds {
    /// Whose an entry is.
    pub(super) fn writer(&self, entry: usize) -> Writer {
        let named = self.writers.get(entry).copied();
        named.unwrap_or(Writer::Card(0))
    }

    /// Whose groups an entry's are: where writers know nothing of each other, each has groups of their own.
    pub(super) fn side(&self, entry: usize) -> Option<Writer> {
        self.veils.part_writers().then(|| self.writer(entry))
    }
}

impl Scan<'_> {
    /// Whether an entry may be looked for in what somebody wrote.
    pub(super) fn may_search(&self, entry: usize, of: Writer) -> bool {
        let blinds = &self.texts.blinds;
        !blinds.veils.hide(of, blinds.writer(entry))
    }

    /// Whether a key is looked for in messages alone, because it has macros: people decide what some of them stand for.
    pub(super) fn is_kept_to_messages(&self, key: &Key) -> bool {
        matches!(key, Key::Template(_)) && self.texts.blinds.veils.hide_from_people()
    }
}

impl Matcher {
    /// The same, where the entries from this place on are those that a scenario brings.
    #[must_use]
    pub fn brought_from(mut self, place: usize) -> Self {
        self.brought_from = Some(place);
        self
    }

    /// Whether a scenario brings the entry; otherwise it is a card's.
    #[must_use]
    pub fn is_brought(&self, entry: usize) -> bool {
        self.brought_from.is_some_and(|place| entry >= place)
    }
}
