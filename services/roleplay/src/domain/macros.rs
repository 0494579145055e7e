//! Macros: `{{char}}`, `{{random:a,b}}` and their kin in the texts of cards, books and chats.
//!
//! Text that a macro inserts is inert: a name that looks like a macro stays a name. What isn't
//! known stays as it is written. All chance comes from seeds, the time from the caller.

mod dates;
mod expand;
mod growth;
mod stream;
mod values;

#[cfg(test)]
mod tests;

use std::{borrow::Cow, cell::Cell, collections::BTreeMap};

use serde::{Deserialize, Serialize};

pub use self::{
    dates::Moment,
    growth::{Growth, Outgrown},
    stream::Resolver,
};
use super::card::{Card, TextField};

/// What the expanded text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be sent to a model.
    Prompt,
    /// To be shown to a person: comments stay.
    Display,
    /// To be searched for lorebook keys: hidden keys stay.
    Search,
}

/// The card's and the persona's texts, unexpanded.
#[derive(Debug, Clone, Default)]
pub struct MacroTexts<'a> {
    /// `{{description}}`.
    pub description: Cow<'a, str>,
    /// `{{personality}}`.
    pub personality: Cow<'a, str>,
    /// `{{scenario}}`.
    pub scenario: Cow<'a, str>,
    /// `{{persona}}`: who the user plays.
    pub persona: Cow<'a, str>,
    /// `{{mesExamples}}`.
    pub mes_example: Cow<'a, str>,
    /// `{{charPrompt}}`.
    pub system_prompt: Cow<'a, str>,
    /// `{{charInstruction}}`.
    pub post_history_instructions: Cow<'a, str>,
    /// `{{charDepthPrompt}}`.
    pub depth_prompt: Cow<'a, str>,
    /// `{{charCreatorNotes}}`.
    pub creator_notes: Cow<'a, str>,
    /// `{{charVersion}}`.
    pub character_version: Cow<'a, str>,
    /// `{{charFirstMessage}}`.
    pub first_mes: Cow<'a, str>,
}

impl<'a> MacroTexts<'a> {
    /// The texts of a card, and the persona's description.
    #[must_use]
    pub fn of(card: &'a Card, persona: &'a str) -> Self {
        let depth_prompt = card
            .depth_prompt()
            .map(|note| note.text)
            .unwrap_or_default();
        Self {
            description: card.text(TextField::Description),
            personality: card.text(TextField::Personality),
            scenario: card.text(TextField::Scenario),
            persona: Cow::Borrowed(persona),
            mes_example: card.text(TextField::MesExample),
            system_prompt: card.text(TextField::SystemPrompt),
            post_history_instructions: card.text(TextField::PostHistoryInstructions),
            depth_prompt: Cow::Owned(depth_prompt),
            creator_notes: card.text(TextField::CreatorNotes),
            character_version: card.text(TextField::CharacterVersion),
            first_mes: card.text(TextField::FirstMes),
        }
    }
}

/// The newest messages, for `{{lastMessage}}` and its kin.
#[derive(Debug, Clone, Copy, Default)]
pub struct LastMessages<'a> {
    /// The newest of all.
    pub any: &'a str,
    /// The newest of the person.
    pub user: &'a str,
    /// The newest of the character.
    pub character: &'a str,
    /// Number of messages in the chat.
    pub count: usize,
}

/// The names of the characters, where there are several.
#[derive(Debug, Clone, Default)]
pub struct GroupNames<'a> {
    /// `{{group}}`: of all.
    pub all: Cow<'a, str>,
    /// `{{groupNotMuted}}`: of those who speak by themselves.
    pub unmuted: Cow<'a, str>,
    /// Of all but who speaks; with the person's name it is `{{notChar}}`.
    pub others: Cow<'a, str>,
}

/// What a session was started with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filled {
    /// `{{blank::name}}`: what somebody filled it with.
    pub blanks: BTreeMap<String, String>,
    /// `{{getvar::name}}`.
    pub variables: BTreeMap<String, String>,
}

impl Filled {
    /// The same, as texts that stand within a pattern and mean only themselves.
    #[must_use]
    pub fn escaped(&self) -> Self {
        let escaped = |texts: &BTreeMap<String, String>| {
            let texts = texts.iter();
            texts
                .map(|(name, text)| (name.clone(), in_pattern(text)))
                .collect()
        };
        Self {
            blanks: escaped(&self.blanks),
            variables: escaped(&self.variables),
        }
    }
}

/// A text within a pattern as JavaScript has them, also one between slashes.
fn in_pattern(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\^$.|?*+()[]{}/".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Everything that macros stand for.
#[derive(Debug, Clone, Default)]
pub struct Macros<'a> {
    /// `{{char}}`: the nickname, or else the name.
    pub char: Cow<'a, str>,
    /// `{{user}}`: the persona's name.
    pub user: Cow<'a, str>,
    /// Names of all characters, where there are several.
    pub group: Option<GroupNames<'a>>,
    /// Texts of card and persona.
    pub texts: MacroTexts<'a>,
    /// The newest messages.
    pub last: LastMessages<'a>,
    /// The time; without it the macros of time stay as they are.
    pub now: Option<Moment>,
    /// Seconds since the person's last message.
    pub idle_secs: Option<u64>,
    /// `{{model}}`.
    pub model: &'a str,
    /// For `{{random}}` and `{{roll}}`: new for each prompt.
    pub seed: u64,
    /// For `{{pick}}`: the same for the whole session.
    pub session_seed: u64,
    /// What the session was started with; nothing if from no scenario.
    pub filled: Option<&'a Filled>,
    /// Whether variables stand for nothing: they are a scenario's that isn't shown.
    pub hides_variables: bool,
    /// What all texts together may grow by.
    pub growth: Growth,
}

/// True if there may be macros in a text.
#[must_use]
pub fn may_hold_macros(text: &str) -> bool {
    let has_marker = || {
        let folded = text.to_ascii_lowercase();
        let mut markers = expand::MARKERS.iter();
        markers.any(|(marker, _)| folded.contains(marker))
    };
    text.contains("{{") || (text.contains('<') && has_marker())
}

/// A text that stands for `text`, whatever in it looks like a macro.
#[must_use]
pub fn literal(text: &str) -> Cow<'_, str> {
    /// Stands for nothing, and keeps apart what would mean something together.
    const NOTHING: &str = "{{noop}}";
    if !may_hold_macros(text) {
        return Cow::Borrowed(text);
    }
    let begins_marker = |at: usize| {
        let rest = &text.as_bytes()[at..];
        let mut markers = expand::MARKERS.iter();
        markers.any(|(marker, _)| {
            let head = rest.get(..marker.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(marker.as_bytes()))
        })
    };
    let mut literal = String::with_capacity(text.len() + 4 * NOTHING.len());
    for (at, c) in text.char_indices() {
        literal.push(c);
        let opens = c == '{' && text[at + 1..].starts_with('{');
        if opens || (c == '<' && begins_marker(at)) {
            literal.push_str(NOTHING);
        }
    }
    Cow::Owned(literal)
}

impl<'a> Macros<'a> {
    /// Names and chance only, for texts outside a chat.
    #[must_use]
    pub fn of_names(char: &'a str, user: &'a str, session_seed: u64) -> Self {
        Self {
            char: Cow::Borrowed(char),
            user: Cow::Borrowed(user),
            seed: session_seed,
            session_seed,
            ..Self::default()
        }
    }

    /// Expands the macros of a text. Texts without any are returned as they are.
    #[must_use]
    pub fn render<'t>(&self, text: &'t str, purpose: Purpose) -> Cow<'t, str> {
        self.render_within(text, purpose, &self.growth)
    }

    /// As [`Macros::render`], for a text that shares what it may grow by with others than the rest.
    #[must_use]
    pub fn render_within<'t>(
        &self,
        text: &'t str,
        purpose: Purpose,
        growth: &Growth,
    ) -> Cow<'t, str> {
        self.render_with(text, purpose, None, growth)
    }

    /// As [`Macros::render`] for a prompt, where `{{original}}` stands for an expanded text.
    #[must_use]
    pub fn render_over<'t>(&self, text: &'t str, original: &str) -> Cow<'t, str> {
        self.render_with(text, Purpose::Prompt, Some(original), &self.growth)
    }

    /// `{{group}}`, which of a character alone is its name.
    fn group_name(&self) -> &str {
        match &self.group {
            Some(names) => &names.all,
            None => &self.char,
        }
    }

    fn render_with<'t>(
        &self,
        text: &'t str,
        purpose: Purpose,
        original: Option<&str>,
        growth: &Growth,
    ) -> Cow<'t, str> {
        if memchr::memchr2(b'{', b'<', text.as_bytes()).is_none() {
            return Cow::Borrowed(text);
        }
        let rules = expand::Rules {
            macros: self,
            purpose,
            original: Cell::new(original),
            growth,
        };
        expand::expand(text, &rules, true)
    }
}
