//! Whose words a prompt's texts are. The macros of a text stand for what its writer may read, and for nothing else: even the size of
//! what they come to would tell of the rest.

use std::borrow::Cow;

use super::{FitError, Material, growth, piece::Piece};
use crate::domain::{
    card::TextField,
    lorebook::Blinds,
    macros::{LastMessages, MacroTexts, Macros, Purpose, literal},
    name,
    role::Role,
};

const DEFAULT_USER: &str = "User";
/// Stands for the person's name while examples are read. No card has it: it is none that may be written.
const USER_PLACE: &str = "\u{fdd0}user\u{fdd1}";

/// What writers of a prompt's texts may not read of each other's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Veils {
    /// The card, for people: those who take part in the session.
    pub card_from_people: bool,
    /// The scenario, for them.
    pub scenario_from_people: bool,
    /// The card, for the writer of the scenario.
    pub card_from_scenario: bool,
    /// The scenario, for the writer of the card.
    pub scenario_from_card: bool,
}

impl Veils {
    /// What entries of lorebooks aren't looked for in.
    pub(super) fn blinds(self) -> Blinds {
        Blinds {
            card: self.card_from_scenario,
            scenario: self.scenario_from_card,
            templates: self.card_from_people || self.scenario_from_people,
        }
    }
}

/// What macros stand for in the texts of each writer.
pub(super) struct Voices<'a> {
    pub(super) card: Macros<'a>,
    pub(super) scenario: Macros<'a>,
    /// Of personas, notes and settings.
    pub(super) person: Macros<'a>,
}

impl<'a> Voices<'a> {
    pub(super) fn of(material: &Material<'a>, seed: u64) -> Self {
        let veils = material.veils;
        let all = all(material, seed);
        let person = veiled(
            material,
            &all,
            veils.card_from_people,
            veils.scenario_from_people,
        );
        let mut card = veiled(material, &all, false, veils.scenario_from_card);
        let mut scenario = veiled(material, &all, veils.card_from_scenario, false);
        if veils != Veils::default() {
            // What others name keeps within what its own writer may read.
            let persona = person.render(material.persona.description, Purpose::Prompt);
            let persona = literal(&persona).into_owned();
            card.texts.persona = Cow::Owned(persona.clone());
            scenario.texts.persona = Cow::Owned(persona);
        }
        Self {
            card,
            scenario,
            person,
        }
    }

    /// That of a lorebook's entry.
    pub(super) fn of_entry(&self, is_brought: bool) -> &Macros<'a> {
        match is_brought {
            true => &self.scenario,
            false => &self.card,
        }
    }

    /// That of the scenario in the prompt: the session's, or else the card's.
    pub(super) fn of_scenario(&self, material: &Material<'_>) -> &Macros<'a> {
        self.of_entry(material.scenario.is_some())
    }

    /// Looks whether macros add no more than they may.
    pub(super) fn check_growth(&self) -> Result<(), FitError> {
        for macros in [&self.card, &self.scenario, &self.person] {
            macros.growth.check()?;
        }
        Ok(())
    }

    /// The example dialogues, with their macros expanded by `read`. Where the card isn't shown a line is the person's by `{{user}}`
    /// alone: whoever tries names would find out who speaks in it.
    pub(super) fn examples(
        &self,
        is_hidden: bool,
        read: impl Fn(&str, &str) -> Vec<Vec<Piece<'a>>>,
    ) -> Vec<Vec<Piece<'a>>> {
        let text = &self.card.texts.mes_example;
        if !is_hidden {
            return read(&self.card.render(text, Purpose::Prompt), &self.card.user);
        }
        let macros = Macros {
            user: Cow::Borrowed(USER_PLACE),
            ..self.card.clone()
        };
        let mut blocks = read(&macros.render(text, Purpose::Prompt), USER_PLACE);
        for piece in blocks.iter_mut().flatten() {
            piece.text = Cow::Owned(piece.text.replace(USER_PLACE, &self.card.user));
        }
        blocks
    }
}

/// What macros stand for whose writer may read everything.
fn all<'a>(material: &Material<'a>, seed: u64) -> Macros<'a> {
    let newest = |role: Option<Role>| {
        let mut turns = material.history.iter().rev();
        turns
            .find(|turn| role.is_none_or(|role| turn.role == role))
            .map_or("", |turn| &turn.text)
    };
    let user = name::spoken(material.persona.name);
    let mut texts = MacroTexts::of(material.card, material.persona.description);
    if let Some(scenario) = material.scenario {
        texts.scenario = Cow::Borrowed(scenario);
    }
    Macros {
        char: material.card.display_name(),
        user: match user.is_empty() {
            true => Cow::Borrowed(DEFAULT_USER),
            false => user,
        },
        texts,
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
        hides_variables: false,
        growth: growth::of_prompt(),
    }
}

/// The same for a writer who may not read the card or the scenario.
fn veiled<'a>(
    material: &Material<'a>,
    all: &Macros<'a>,
    hides_card: bool,
    hides_scenario: bool,
) -> Macros<'a> {
    let mut macros = all.clone();
    if hides_card {
        macros.texts = MacroTexts {
            persona: Cow::Borrowed(material.persona.description),
            ..MacroTexts::default()
        };
    }
    macros.texts.scenario = match material.scenario.filter(|_| !hides_scenario) {
        Some(scenario) => Cow::Borrowed(scenario),
        None if hides_card => Cow::default(),
        None => material.card.text(TextField::Scenario),
    };
    macros.hides_variables = hides_scenario;
    macros
}
