//! What a prompt is made of.

use std::borrow::Cow;

use sea_orm::{DeriveActiveEnum, EnumIter};
use serde::{Deserialize, Serialize};

use super::{Group, Recall, Recalled};
use crate::domain::{
    card::Card,
    lorebook::Matcher,
    macros::{Filled, Moment},
    role::Role,
    scenario::Note,
    veils::Veils,
};

/// What the model is to do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, EnumIter, DeriveActiveEnum,
)]
#[serde(rename_all = "snake_case")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Kind {
    /// Write the character's next message.
    #[default]
    Reply,
    /// Write it anew: the history is given without the message that is replaced.
    Regenerate,
    /// Go on writing the last message of the history, which is the character's.
    Continue,
    /// Write the person's next message.
    Impersonate,
}

impl Kind {
    /// The kind as lorebook entries name it.
    pub(super) fn trigger(self) -> &'static str {
        match self {
            Self::Reply => "normal",
            Self::Regenerate => "swipe",
            Self::Continue => "continue",
            Self::Impersonate => "impersonate",
        }
    }
}

/// Whom the person plays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Persona<'a> {
    /// `{{user}}`; blank for `User`.
    pub name: &'a str,
    /// Goes into the prompt.
    pub description: &'a str,
}

/// A message of the history.
#[derive(Debug, Clone)]
pub struct Turn<'a> {
    /// The message's id, for the receipt.
    pub id: Cow<'a, str>,
    /// Who speaks.
    pub role: Role,
    /// The speaker's name; blank for that of the persona or the character.
    pub name: Cow<'a, str>,
    /// The text; its macros were resolved when it was written.
    pub text: Cow<'a, str>,
}

/// Everything that a prompt is made of.
#[derive(Debug, Clone)]
pub struct Material<'a> {
    /// The character; of several, the one who speaks.
    pub card: &'a Card,
    /// All characters, where there are several.
    pub group: Option<Group<'a>>,
    /// The lorebooks of all characters and of the scenario as one, ready for matching.
    pub lore: Option<&'a Matcher>,
    /// Whom the person plays.
    pub persona: Persona<'a>,
    /// The person's system prompt; `None` for ours. The card's own takes its place.
    pub system_prompt: Option<&'a str>,
    /// The person's text behind the history; the card's own takes its place.
    pub post_history_instructions: &'a str,
    /// Takes the place of the card's scenario.
    pub scenario: Option<&'a str>,
    /// Notes of a scenario's author.
    pub notes: &'a [Note],
    /// What the session was started with; nothing if from no scenario.
    pub filled: Option<&'a Filled>,
    /// What writers of these texts may not read of each other's.
    pub veils: Veils,
    /// Memories that may be recalled, in the order in which they are told.
    pub memories: &'a [Recalled],
    /// Whether those that aren't pinned were searched.
    pub recall: Recall,
    /// The newest messages, oldest first.
    pub history: &'a [Turn<'a>],
    /// Messages that are older than `history`.
    pub earlier_message_count: u32,
    /// Of those, the character's.
    pub earlier_assistant_count: u32,
    /// What the model is to do.
    pub kind: Kind,
    /// The time, for macros.
    pub now: Option<Moment>,
    /// Seconds since the person's last message, for macros.
    pub idle_secs: Option<u64>,
    /// The model's name, for macros.
    pub model: &'a str,
    /// Chance that stays the same for the whole session.
    pub session_seed: u64,
}

impl<'a> Material<'a> {
    /// A character and a chat, with nothing else set.
    #[must_use]
    pub fn new(card: &'a Card, history: &'a [Turn<'a>]) -> Self {
        Self {
            card,
            group: None,
            lore: None,
            persona: Persona::default(),
            system_prompt: None,
            post_history_instructions: "",
            scenario: None,
            notes: &[],
            filled: None,
            veils: Veils::default(),
            memories: &[],
            recall: Recall::Off,
            history,
            earlier_message_count: 0,
            earlier_assistant_count: 0,
            kind: Kind::Reply,
            now: None,
            idle_secs: None,
            model: "",
            session_seed: 0,
        }
    }

    /// The cards of the session, in its order.
    pub(super) fn cards(&self) -> Vec<&'a Card> {
        match &self.group {
            Some(group) => group.members.iter().map(|it| it.card).collect(),
            None => vec![self.card],
        }
    }

    /// The card at a place among them.
    pub(super) fn card_at(&self, place: usize) -> &'a Card {
        let members = self.group.as_ref().map_or(&[][..], |group| group.members);
        members.get(place).map_or(self.card, |it| it.card)
    }

    /// The place of the card of who speaks.
    pub(super) fn speaker(&self) -> usize {
        let members = self.group.as_ref().map_or(&[][..], |group| group.members);
        let speaks = members.iter().position(|it| it.is_speaking);
        speaks.unwrap_or(0)
    }

    pub(super) fn earlier_messages(&self) -> usize {
        usize::try_from(self.earlier_message_count).unwrap_or(usize::MAX)
    }
}
