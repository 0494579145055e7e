//! What entries aren't looked for in. Whether an entry fires shows in the size of a prompt: whoever writes keys for texts that they may
//! not read would find out what those say.

use super::{Matcher, Scan, key::Key};

/// Whose entries aren't looked for in what others wrote, because they may not read it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Blinds {
    /// Those that a scenario brings see nothing of the card and its lorebooks.
    pub card: bool,
    /// Those of the card see nothing of the scenario and its lorebooks.
    pub scenario: bool,
    /// Keys with macros are looked for in messages alone: people decide what some macros stand for.
    pub templates: bool,
}

impl Blinds {
    /// Whether the entries of a scenario and those of a card know nothing of each other.
    pub(super) fn part(self) -> bool {
        self.card || self.scenario
    }
}

impl Scan<'_> {
    /// Whether an entry may be looked for in what is the scenario's, or else the card's.
    pub(super) fn may_search(&self, index: usize, is_of_scenario: bool) -> bool {
        let blinds = self.texts.blinds;
        match (self.matcher.is_brought(index), is_of_scenario) {
            (true, false) => !blinds.card,
            (false, true) => !blinds.scenario,
            (true, true) | (false, false) => true,
        }
    }

    /// Whether a key is looked for in messages alone.
    pub(super) fn is_kept_to_messages(&self, key: &Key) -> bool {
        self.texts.blinds.templates && matches!(key, Key::Template(_))
    }
}

impl Matcher {
    /// The same, where the entries from this place on are those that a scenario brings.
    #[must_use]
    pub fn brought_from(mut self, place: usize) -> Self {
        self.brought_from = Some(place);
        self
    }

    /// Whether a scenario brings the entry; otherwise it is the card's.
    #[must_use]
    pub fn is_brought(&self, entry: usize) -> bool {
        self.brought_from.is_some_and(|place| entry >= place)
    }
}
