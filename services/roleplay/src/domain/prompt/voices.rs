//! Whose words a prompt's texts are. The macros of a text stand for what its writer may read, and for nothing else: even the size of
//! what they come to would tell of the rest.

use std::borrow::Cow;

use super::{FitError, Group, Material, growth, piece::Piece};
use crate::domain::{
    ids::LorebookId,
    lorebook::Blinds,
    macros::{LastMessages, MacroTexts, Macros, Purpose, literal},
    name,
    role::Role,
    veils::Writer,
};

const DEFAULT_USER: &str = "User";
/// Stands for the person's name while examples are read. No card has it: it is none that may be written.
const USER_PLACE: &str = "\u{fdd0}user\u{fdd1}";

/// What macros stand for in the texts of each writer.
pub(super) struct Voices<'a> {
    /// In what the scenario's author writes.
    pub(super) scenario: Macros<'a>,
    /// Where `{{char}}` is the character of each card, in order.
    cards: Vec<CardVoices<'a>>,
    /// The place of the card of who speaks.
    speaker: usize,
    /// Whose each entry of the lorebooks is, in order.
    writers: Vec<Writer>,
}

/// What macros stand for where `{{char}}` is the character of a card.
pub(super) struct CardVoices<'a> {
    /// In what its owner writes.
    pub(super) own: Macros<'a>,
    /// In what people write: personas, notes and settings.
    pub(super) person: Macros<'a>,
}

impl<'a> Voices<'a> {
    pub(super) fn of(material: &Material<'a>, seed: u64) -> Self {
        let (veils, speaker) = (&material.veils, material.speaker());
        let all = all(material, seed);
        let scenarios = |of: Writer| veils.hide(of, Writer::Scenario);
        let peoples = |of: Writer| veils.people.hides(of);
        let mut scenario = all[speaker].veiled(material, &scenarios);
        scenario.growth = growth::of_prompt();
        let of_card = |(place, means): (usize, &Meaning<'a>)| CardVoices {
            own: means.veiled(material, &|of| veils.hide(of, Writer::Card(place))),
            person: means.veiled(material, &peoples),
        };
        let mut cards: Vec<CardVoices<'a>> = all.iter().enumerate().map(of_card).collect();
        cards[speaker].person.growth = growth::of_prompt();
        let mut voices = Self {
            scenario,
            cards,
            speaker,
            writers: writers(material),
        };
        if veils.hide_any() {
            voices.resolve_persona(material);
        }
        voices
    }

    /// What others name as the persona keeps within what its own writer may read.
    fn resolve_persona(&mut self, material: &Material<'a>) {
        let description = material.persona.description;
        let persona = self.person().render(description, Purpose::Prompt);
        let persona = literal(&persona).into_owned();
        for card in &mut self.cards {
            card.own.texts.persona = Cow::Owned(persona.clone());
        }
        self.scenario.texts.persona = Cow::Owned(persona);
    }

    /// That of the card of who speaks.
    pub(super) fn card(&self) -> &Macros<'a> {
        &self.cards[self.speaker].own
    }

    /// That of personas, notes and settings.
    pub(super) fn person(&self) -> &Macros<'a> {
        &self.cards[self.speaker].person
    }

    /// Those about the card at a place.
    pub(super) fn of_card(&self, place: usize) -> &CardVoices<'a> {
        &self.cards[place]
    }

    /// What all characters are called.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.cards.iter().map(|card| card.own.char.as_ref())
    }

    /// That of a lorebook's entry.
    pub(super) fn of_entry(&self, entry: usize) -> &Macros<'a> {
        match self.writers.get(entry) {
            Some(Writer::Scenario) => &self.scenario,
            Some(Writer::Card(place)) => &self.cards[*place].own,
            None => self.card(),
        }
    }

    /// That of the scenario in the prompt: the session's, or else the card's.
    pub(super) fn of_scenario(&self, material: &Material<'_>) -> &Macros<'a> {
        match material.scenario {
            Some(_) => &self.scenario,
            None => self.card(),
        }
    }

    /// What entries of lorebooks aren't looked for in.
    pub(super) fn blinds(&self, material: &Material<'_>) -> Blinds {
        Blinds {
            writers: self.writers.clone(),
            card: self.speaker,
            veils: material.veils.clone(),
        }
    }

    /// Looks whether macros add no more than they may.
    pub(super) fn check_growth(&self) -> Result<(), FitError> {
        let cards = self.cards.iter();
        let cards = cards.flat_map(|card| [&card.own, &card.person]);
        for macros in cards.chain([&self.scenario]) {
            macros.growth.check()?;
        }
        Ok(())
    }
}

impl<'a> CardVoices<'a> {
    /// The card's example dialogues, with their macros expanded by `read`. Where the card isn't shown a line is the person's by
    /// `{{user}}` alone: whoever tries names would find out who speaks in it.
    pub(super) fn examples(
        &self,
        is_hidden: bool,
        read: impl Fn(&str, &str) -> Vec<Vec<Piece<'a>>>,
    ) -> Vec<Vec<Piece<'a>>> {
        let text = &self.own.texts.mes_example;
        if !is_hidden {
            return read(&self.own.render(text, Purpose::Prompt), &self.own.user);
        }
        let macros = Macros {
            user: Cow::Borrowed(USER_PLACE),
            ..self.own.clone()
        };
        let mut blocks = read(&macros.render(text, Purpose::Prompt), USER_PLACE);
        for piece in blocks.iter_mut().flatten() {
            piece.text = Cow::Owned(piece.text.replace(USER_PLACE, &self.own.user));
        }
        blocks
    }
}

/// What macros stand for about a card, for whoever may read everything.
struct Meaning<'a> {
    place: usize,
    texts: MacroTexts<'a>,
    /// All but the texts.
    macros: Macros<'a>,
}

impl<'a> Meaning<'a> {
    /// The same for a writer who may not read the card or the scenario.
    fn veiled(&self, material: &Material<'a>, hides: &dyn Fn(Writer) -> bool) -> Macros<'a> {
        let hides_scenario = hides(Writer::Scenario);
        let mut texts = match hides(Writer::Card(self.place)) {
            true => MacroTexts {
                persona: Cow::Borrowed(material.persona.description),
                ..MacroTexts::default()
            },
            false => self.texts.clone(),
        };
        if let Some(scenario) = material.scenario.filter(|_| !hides_scenario) {
            texts.scenario = Cow::Borrowed(scenario);
        }
        Macros {
            texts,
            hides_variables: hides_scenario,
            ..self.macros.clone()
        }
    }
}

/// What macros stand for about each card.
fn all<'a>(material: &Material<'a>, seed: u64) -> Vec<Meaning<'a>> {
    let newest = |role: Option<Role>| {
        let mut turns = material.history.iter().rev();
        turns
            .find(|turn| role.is_none_or(|role| turn.role == role))
            .map_or("", |turn| &turn.text)
    };
    let user = name::spoken(material.persona.name);
    let cards = material.cards();
    let common = Macros {
        user: match user.is_empty() {
            true => Cow::Borrowed(DEFAULT_USER),
            false => user,
        },
        last: LastMessages {
            any: newest(None),
            user: newest(Some(Role::User)),
            character: newest(Some(Role::Assistant)),
            count: material.history.len() + material.earlier_messages(),
        },
        now: material.now,
        idle_secs: material.idle_secs,
        model: material.model,
        seed,
        session_seed: material.session_seed,
        filled: material.filled,
        growth: growth::of_one_of(cards.len()),
        ..Macros::default()
    };
    let mut groups = material.group.as_ref().map_or_else(Vec::new, Group::names);
    groups.reverse();
    let means = |(place, card)| Meaning {
        place,
        texts: MacroTexts::of(card, material.persona.description),
        macros: Macros {
            char: card.display_name(),
            group: groups.pop(),
            ..common.clone()
        },
    };
    cards.into_iter().enumerate().map(means).collect()
}

/// Whose each entry of the lorebooks is.
fn writers(material: &Material<'_>) -> Vec<Writer> {
    let Some(matcher) = material.lore else {
        return Vec::new();
    };
    let book = matcher.book();
    let mut writers = Vec::with_capacity(book.entries.len());
    let writer = |entry: usize, book: Option<LorebookId>| match matcher.is_brought(entry) {
        true => Writer::Scenario,
        false => Writer::Card(card_of(material, book)),
    };
    for part in &book.parts {
        let first = writers.len();
        writers.resize(part.end, writer(first, Some(part.id)));
    }
    let rest = writers.len()..book.entries.len();
    writers.extend(rest.map(|entry| writer(entry, None)));
    writers
}

/// The place of the card whose lorebook one is. What several have is of who speaks.
fn card_of(material: &Material<'_>, book: Option<LorebookId>) -> usize {
    let speaker = material.speaker();
    let (Some(group), Some(book)) = (&material.group, book) else {
        return speaker;
    };
    let mut members = group.members.iter();
    let is_own = |place: usize| {
        let member = group.members.get(place);
        member.is_some_and(|it| it.books.contains(&book))
    };
    match is_own(speaker) {
        true => speaker,
        false => members
            .position(|it| it.books.contains(&book))
            .unwrap_or(speaker),
    }
}
