//! Who may read what of a session's cards and of its scenario: the people in it, and those who wrote them.

use super::cast::Sheet;
use super::ensemble::Ensemble;
use crate::domain::ids::{CharacterId, UserId};
use crate::domain::veils::{Veil, Veils};

/// Somebody who reads what comes of a session's texts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reader {
    /// The person whose place in the session this is.
    Me,
    /// All people who take part: what one of them writes is read by the others too.
    People,
    /// Who wrote a card or the scenario.
    Writer(UserId),
    /// Whoever it may be.
    Anybody,
}

impl Ensemble {
    /// Whether somebody may not read a card.
    pub(super) fn hides_card(&self, sheet: &Sheet, from: Reader) -> bool {
        match from {
            Reader::Anybody => !sheet.is_shown,
            Reader::People if self.is_shared => !sheet.is_shown,
            Reader::People | Reader::Me => sheet.is_hidden_from(self.reader),
            Reader::Writer(user) => sheet.is_hidden_from(user),
        }
    }

    /// Whether somebody may not read the card of who said something, or else of the first character.
    pub(super) fn hides_card_of(&self, id: Option<CharacterId>, from: Reader) -> bool {
        let sheet = self.sheet_or_first(id);
        sheet.is_some_and(|sheet| self.hides_card(sheet, from))
    }

    /// Whether somebody may not read what it was started from.
    pub(super) fn hides_story(&self, from: Reader) -> bool {
        let Some(story) = self.story.as_ref().filter(|_| !self.is_story_shown) else {
            return false;
        };
        match from {
            Reader::Anybody => true,
            Reader::People if self.is_shared => true,
            Reader::People | Reader::Me => story.owner_id != self.reader,
            Reader::Writer(user) => story.owner_id != user,
        }
    }

    /// Whether what it was started from is somebody else's who doesn't show it to the person.
    pub(super) fn is_story_secret(&self) -> bool {
        self.hides_story(Reader::Me)
    }

    /// Whether the person may not read all of it.
    pub(super) fn is_secret(&self) -> bool {
        let is_hidden = |sheet: &Sheet| self.hides_card(sheet, Reader::Me);
        self.is_story_secret() || self.sheets().any(|sheet| is_hidden(sheet))
    }

    /// What those who wrote texts of its prompts may not read of each other's. Cards are in the order of the characters that are there.
    pub(super) fn veils(&self) -> Veils {
        let veil = |from: Reader| Veil {
            cards: self.sheets().map(|it| self.hides_card(it, from)).collect(),
            scenario: self.hides_story(from),
        };
        let author = self.story.as_ref().map(|story| story.owner_id);
        Veils {
            people: veil(Reader::People),
            scenario: author
                .map(|it| veil(Reader::Writer(it)))
                .unwrap_or_default(),
            cards: self
                .sheets()
                .map(|it| veil(Reader::Writer(it.owner_id)))
                .collect(),
        }
    }
}
