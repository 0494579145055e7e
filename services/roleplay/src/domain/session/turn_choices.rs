//! What a session says about whose turn it is. What it doesn't say is as SillyTavern ships it.

use serde::{Deserialize, Serialize};

use crate::domain::prompt::{Group, GroupCards, GroupMember};
use crate::domain::turn::Strategy;

/// What a session says about turns. Stored as JSON: fields are only ever added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TurnChoices {
    /// Who answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Whether who spoke last may go on without having been answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_replies: Option<bool>,
    /// Whose cards prompts have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cards: Option<GroupCards>,
    /// What tells a chat model whose turn it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nudge_format: Option<String>,
}

/// One of the choices, for a change of it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnChoice {
    /// [`TurnChoices::strategy`].
    Strategy,
    /// [`TurnChoices::self_replies`].
    SelfReplies,
    /// [`TurnChoices::cards`].
    Cards,
    /// [`TurnChoices::nudge_format`].
    NudgeFormat,
}

impl TurnChoices {
    /// The characters of a session that has several, as its prompts have them; none where it has one.
    #[must_use]
    pub fn group<'g>(&'g self, members: &'g [GroupMember<'g>]) -> Option<Group<'g>> {
        let group = Group {
            members,
            cards: self.cards.unwrap_or_default(),
            nudge: self.nudge_format.as_deref(),
        };
        (!members.is_empty()).then_some(group)
    }

    /// True where nothing is said.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }

    /// True where the choice is made.
    #[must_use]
    pub fn has(&self, choice: TurnChoice) -> bool {
        match choice {
            TurnChoice::Strategy => self.strategy.is_some(),
            TurnChoice::SelfReplies => self.self_replies.is_some(),
            TurnChoice::Cards => self.cards.is_some(),
            TurnChoice::NudgeFormat => self.nudge_format.is_some(),
        }
    }

    /// Takes a choice from `new`, also one that isn't made there.
    pub fn take(&mut self, choice: TurnChoice, new: &Self) {
        match choice {
            TurnChoice::Strategy => self.strategy = new.strategy,
            TurnChoice::SelfReplies => self.self_replies = new.self_replies,
            TurnChoice::Cards => self.cards = new.cards,
            TurnChoice::NudgeFormat => self.nudge_format.clone_from(&new.nudge_format),
        }
    }
}
