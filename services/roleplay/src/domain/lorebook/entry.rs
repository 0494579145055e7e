//! One lorebook entry with everything that SillyTavern's rules and the V3 specification know of.

use serde::{Deserialize, Serialize};

use super::Decorators;
use crate::domain::role::Role;

/// How secondary keys decide, once a primary key has matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SelectiveLogic {
    /// At least one secondary key matches.
    #[default]
    AndAny,
    /// At least one doesn't.
    NotAll,
    /// None matches.
    NotAny,
    /// All match.
    AndAll,
}

/// Where an entry's text goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "at")]
pub enum Placement {
    /// Before everything of the character.
    BeforeCharacter,
    /// After everything of the character.
    AfterCharacter,
    /// Before the description.
    BeforeDescription,
    /// After the description.
    AfterDescription,
    /// After the personality.
    AfterPersonality,
    /// After the scenario.
    AfterScenario,
    /// Before the example dialogues.
    BeforeExamples,
    /// After the example dialogues.
    AfterExamples,
    /// Above the author's note.
    NoteTop,
    /// Below the author's note.
    NoteBottom,
    /// In the history, this many messages before its end.
    Depth {
        /// Messages behind it.
        depth: u32,
        /// Who speaks it.
        role: Role,
    },
    /// Only where a macro names it.
    Outlet {
        /// What the macro says.
        name: String,
    },
}

/// Effects that last over several turns, counted in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimedEffects {
    /// Stays active for so many messages after firing.
    pub sticky: Option<u32>,
    /// Can't fire for so many messages after firing.
    pub cooldown: Option<u32>,
    /// Can't fire before the chat has so many messages.
    pub delay: Option<u32>,
}

/// What an entry is looked for in, besides messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MatchSources {
    /// The persona's description.
    pub persona_description: bool,
    /// The card's description.
    pub character_description: bool,
    /// The card's personality.
    pub character_personality: bool,
    /// The character's note.
    pub character_depth_prompt: bool,
    /// The scenario.
    pub scenario: bool,
    /// The card's creator notes.
    pub creator_notes: bool,
}

/// A lorebook entry. Options that are `None` follow the book or the settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The id that the book gives it, if any.
    pub id: Option<String>,
    /// A name, for people.
    pub name: String,
    /// A comment, for people.
    pub comment: String,
    /// What it is found by.
    pub keys: Vec<String>,
    /// What must agree.
    pub secondary_keys: Vec<String>,
    /// The text, without its leading decorator lines; macros not expanded.
    pub content: String,
    /// Its V3 decorators.
    pub decorators: Decorators,
    /// Whether it takes part.
    pub enabled: bool,
    /// Fires always.
    pub constant: bool,
    /// Whether secondary keys count.
    pub selective: bool,
    /// How secondary keys decide.
    pub logic: SelectiveLogic,
    /// Higher stands nearer to the end of the prompt, and is considered first for the budget.
    pub insertion_order: i64,
    /// V2's order of dropping; SillyTavern's rules don't use it.
    pub priority: Option<i64>,
    /// Whether the case of plain keys counts.
    pub case_sensitive: Option<bool>,
    /// Whether plain keys of one word match whole words only.
    pub match_whole_words: Option<bool>,
    /// Keys are patterns and nothing else, as V3 says. SillyTavern sets `use_regex` on every entry
    /// that it exports, plain keys or not; its entries are told apart by their extensions.
    pub strict_regex: bool,
    /// Messages to look at.
    pub scan_depth: Option<u32>,
    /// Where its text goes.
    pub placement: Placement,
    /// Whether the book says where; otherwise the settings do.
    pub is_placed: bool,
    /// Not found by the text of other entries.
    pub exclude_recursion: bool,
    /// Its own text finds no other entry.
    pub prevent_recursion: bool,
    /// Only found in recursion, from this level on.
    pub delay_until_recursion: Option<u32>,
    /// Percent.
    pub probability: f64,
    /// Inclusion groups: of each, one entry at most is active.
    pub groups: Vec<String>,
    /// Wins its group by order instead of by chance.
    pub group_override: bool,
    /// Its share of chance in its groups.
    pub group_weight: u32,
    /// Its groups elect by the number of keys that match.
    pub use_group_scoring: Option<bool>,
    /// Effects over several turns.
    pub timed: TimedEffects,
    /// Fires even when the budget is used up.
    pub ignore_budget: bool,
    /// Texts it is looked for in, besides messages.
    pub match_sources: MatchSources,
    /// Kinds of generation that it is for; empty for all.
    pub triggers: Vec<String>,
    /// Names a script of `SillyTavern`, which we keep but never run.
    pub automation_id: String,
    /// Also found by meaning.
    pub vectorized: bool,
    /// Its place in lists for people.
    pub display_index: Option<i64>,
}

impl Entry {
    /// What to call the entry before people: its comment, its name, or its first key.
    #[must_use]
    pub fn title(&self) -> &str {
        let named = [&self.comment, &self.name]
            .into_iter()
            .find(|text| !text.is_empty());
        named.or(self.keys.first()).map_or("", String::as_str)
    }
}
