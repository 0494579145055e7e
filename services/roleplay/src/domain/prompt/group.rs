//! Several characters: whose cards a prompt has, and in which words they stand there.

use std::{borrow::Cow, collections::HashSet};

use serde::{Deserialize, Serialize};

use super::{
    Form, Kind, Material, Settings, Source,
    examples::{self, Speakers},
    piece::Piece,
    sections::{labelled, note},
};
use crate::domain::{
    card::Card,
    ids::LorebookId,
    macros::{GroupNames, Growth, Macros, Purpose},
    role::Role,
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
    /// The names of all, as they are for the one who speaks.
    pub(super) fn names(&self) -> GroupNames<'static> {
        let speaks = self.members.iter().position(|it| it.is_speaking);
        self.names_for(speaks.unwrap_or(usize::MAX))
    }

    /// The names of all, as they are for the one at a place.
    fn names_for(&self, place: usize) -> GroupNames<'static> {
        let joined = |of: &dyn Fn(usize, &GroupMember<'_>) -> bool| {
            let members = self.members.iter().enumerate();
            let members = members.filter(|(at, it)| of(*at, it));
            let names: Vec<_> = members.map(|(_, it)| it.card.display_name()).collect();
            names.join(", ").into()
        };
        GroupNames {
            all: joined(&|_, _| true),
            unmuted: joined(&|_, it| !it.is_muted),
            others: joined(&|at, _| at != place),
        }
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

/// The macros of each of several characters, as it means itself; none of one alone.
pub(super) fn member_macros<'a>(material: &Material<'a>, macros: &Macros<'a>) -> Vec<Macros<'a>> {
    let Some(group) = material.group else {
        return Vec::new();
    };
    let persona = material.persona.description;
    let own = |(at, it): (usize, &GroupMember<'a>)| {
        if it.is_speaking {
            return macros.clone();
        }
        let mut own = Macros {
            group: Some(group.names_for(at)),
            ..macros.of_other(it.card, persona)
        };
        if let Some(scenario) = material.scenario {
            own.texts.scenario = Cow::Borrowed(scenario);
        }
        own
    };
    group.members.iter().enumerate().map(own).collect()
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
    pub(super) fn of(
        material: &Material<'_>,
        settings: &Settings,
        macros: &Macros<'_>,
        members: &[Macros<'_>],
    ) -> Self {
        let mut cards = Self::default();
        let Some(group) = &material.group else {
            cards.add(material.card, settings, macros, &macros.growth);
            return cards;
        };
        let shown = group.members.iter().zip(members);
        for (member, own) in shown.filter(|(it, _)| it.is_shown(group.cards)) {
            let told = cards.scenario.len();
            cards.add(member.card, settings, own, &macros.growth);
            // The session's takes the place of all.
            if material.scenario.is_some() && !member.is_speaking {
                cards.scenario.truncate(told);
            }
        }
        // One scenario is often that of several.
        let mut told = HashSet::new();
        cards
            .scenario
            .retain(|piece| told.insert(piece.text.clone()));
        cards
    }

    fn add(&mut self, card: &Card, settings: &Settings, macros: &Macros<'_>, growth: &Growth) {
        let form = settings.form;
        let render = |text: &str| {
            let text = macros.render_within(text, Purpose::Prompt, growth);
            text.into_owned()
        };
        let description = render(&macros.texts.description);
        let description = Piece::section(form, Source::Description, Role::System, &description);
        self.description.extend(description);
        let labelled = |source| labelled(settings, source, macros, growth);
        self.personality.extend(labelled(Source::Personality));
        self.scenario.extend(labelled(Source::Scenario));
        let speakers = Speakers {
            user: &macros.user,
            char: &macros.char,
        };
        let text = render(&macros.texts.mes_example);
        let first = self.examples.len();
        let blocks = examples::read(&text, &speakers, settings, first);
        self.examples.extend(blocks);
        self.notes.extend(note(card, form, macros, growth));
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
