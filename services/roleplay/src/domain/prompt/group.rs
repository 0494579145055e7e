//! Several characters: whose cards a prompt has, and in which words they stand there.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{
    Form, Kind, Material, Settings, Source,
    examples::{self, Speakers},
    piece::Piece,
    sections::{labelled, note},
    voices::Voices,
};
use crate::domain::{
    card::Card,
    ids::LorebookId,
    macros::{GroupNames, Macros, Purpose},
    role::Role,
    veils::Writer,
};

/// What tells a chat model whose turn it is, as SillyTavern ships it.
const NUDGE: &str = "[Write the next reply only as {{char}}.]";

/// Whose cards a prompt has. The names are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupCards {
    /// The speaker's.
    #[default]
    Speaker,
    /// Those of all who aren't muted, and the speaker's.
    Joined,
    /// Those of all.
    JoinedWithMuted,
}

/// The characters of a session that has several.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// All of them in their order, the one who speaks among them.
    pub members: &'a [GroupMember<'a>],
    /// Whose cards the prompt has.
    pub cards: GroupCards,
    /// What tells a chat model whose turn it is; none for what we say, and blank for nothing.
    pub nudge: Option<&'a str>,
}

/// One of several characters.
#[derive(Debug, Clone)]
pub struct GroupMember<'a> {
    /// Its card.
    pub card: &'a Card,
    /// Whether it speaks only when it is asked to.
    pub is_muted: bool,
    /// Whether it speaks now.
    pub is_speaking: bool,
    /// The lorebooks that are its own: in them `{{char}}` means it, whoever speaks.
    pub books: Vec<LorebookId>,
}

impl Group<'_> {
    /// The names of all, as they are for each of them.
    pub(super) fn names(&self) -> Vec<GroupNames<'static>> {
        let members = self.members.iter();
        let names: Vec<_> = members.map(|it| it.card.display_name()).collect();
        let joined = |of: &dyn Fn(usize) -> bool| {
            let names = names.iter().enumerate().filter(|(place, _)| of(*place));
            let names: Vec<&str> = names.map(|(_, name)| name.as_ref()).collect();
            names.join(", ").into()
        };
        let names = GroupNames {
            all: joined(&|_| true),
            unmuted: joined(&|place| !self.members[place].is_muted),
            ..GroupNames::default()
        };
        let for_one = |one: usize| GroupNames {
            others: joined(&|place| place != one),
            ..names.clone()
        };
        (0..self.members.len()).map(for_one).collect()
    }
}

impl GroupMember<'_> {
    /// Whether a prompt has its card.
    fn is_shown(&self, cards: GroupCards) -> bool {
        match cards {
            GroupCards::Speaker => self.is_speaking,
            GroupCards::Joined => self.is_speaking || !self.is_muted,
            GroupCards::JoinedWithMuted => true,
        }
    }
}

/// What a prompt has of cards.
#[derive(Default)]
pub(super) struct Cards<'a> {
    pub(super) description: Vec<Piece<'a>>,
    pub(super) personality: Vec<Piece<'a>>,
    pub(super) scenario: Vec<Piece<'a>>,
    pub(super) examples: Vec<Vec<Piece<'a>>>,
    /// The characters' notes with their depths.
    pub(super) notes: Vec<(u32, Piece<'a>)>,
}

impl<'a> Cards<'a> {
    /// The speaker's card, or those of several.
    pub(super) fn of(material: &Material<'a>, settings: &Settings, voices: &Voices<'a>) -> Self {
        let mut cards = Self::default();
        match &material.group {
            None => cards.add(0, material, settings, voices),
            Some(group) => {
                let members = group.members.iter().enumerate();
                for (place, _) in members.filter(|(_, it)| it.is_shown(group.cards)) {
                    cards.add(place, material, settings, voices);
                }
            }
        }
        // One scenario is often that of several. Where something is hidden, its size tells nobody that theirs is the same.
        if !material.veils.hide_any() {
            let mut told = HashSet::new();
            let is_new = |piece: &Piece<'_>| told.insert(piece.text.clone().into_owned());
            cards.scenario.retain(is_new);
        }
        cards
    }

    fn add(
        &mut self,
        place: usize,
        material: &Material<'a>,
        settings: &Settings,
        voices: &Voices<'a>,
    ) {
        let (form, of_card) = (settings.form, voices.of_card(place));
        let (own, person) = (&of_card.own, &of_card.person);
        let description = own.render(&own.texts.description, Purpose::Prompt);
        let description = Piece::section(form, Source::Description, Role::System, &description);
        self.description.extend(description);
        let labelled = |source, macros| labelled(settings, source, macros, person);
        self.personality.extend(labelled(Source::Personality, own));
        // The session's takes the place of all.
        let told = match material.scenario {
            None => Some(own),
            Some(_) => Some(&voices.scenario).filter(|_| place == material.speaker()),
        };
        let told = told.and_then(|told| labelled(Source::Scenario, told));
        self.scenario.extend(told);
        let first = self.examples.len();
        let read = |text: &str, user: &str| {
            let char = &own.char;
            examples::read(text, &Speakers { user, char }, settings, first)
        };
        let is_hidden = material.veils.people.hides(Writer::Card(place));
        self.examples.extend(of_card.examples(is_hidden, read));
        self.notes.extend(note(material.card_at(place), form, own));
    }
}

/// What tells a chat model whose turn it is. A text says it by the name that it ends with.
pub(super) fn nudge<'a>(
    material: &Material<'_>,
    form: Form,
    macros: &Macros<'_>,
) -> Option<Piece<'a>> {
    let group = material.group.as_ref()?;
    if material.kind == Kind::Impersonate || form != Form::Chat {
        return None;
    }
    let text = macros.render(group.nudge.unwrap_or(NUDGE), Purpose::Prompt);
    Piece::section(form, Source::Nudge, Role::System, &text)
}
