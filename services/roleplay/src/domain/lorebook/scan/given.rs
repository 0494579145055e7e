//! What a scan is given.

use serde::{Deserialize, Serialize};

use crate::domain::lorebook::Blinds;

/// How lorebooks are scanned where neither book nor entry says. The defaults are those that SillyTavern ships.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoreSettings {
    /// Messages looked at.
    pub scan_depth: u32,
    /// Share of the model's window that lore may take; a book's own budget caps it.
    pub budget_percent: u32,
    /// Whether the case of plain keys counts.
    pub case_sensitive: bool,
    /// Whether plain keys of one word match whole words only.
    pub match_whole_words: bool,
    /// Whether entries may be found by the text of other entries.
    pub recursive_scanning: bool,
    /// Passes in one scan; 1 is no recursion, 0 no limit of its own.
    pub max_recursion_steps: u32,
    /// Whether speakers' names are looked at too.
    pub include_names: bool,
    /// Whether entries that name no place stand before the character, rather than after it.
    pub before_character: bool,
}

impl Default for LoreSettings {
    fn default() -> Self {
        Self {
            scan_depth: 2,
            budget_percent: 25,
            case_sensitive: false,
            match_whole_words: true,
            recursive_scanning: true,
            max_recursion_steps: 0,
            include_names: true,
            before_character: false,
        }
    }
}

/// A message as a scan sees it.
#[derive(Debug, Clone, Copy)]
pub struct ScanMessage<'a> {
    /// The speaker.
    pub name: &'a str,
    /// The text.
    pub text: &'a str,
}

/// What a scan looks at, besides the messages.
#[derive(Debug, Clone, Default)]
pub struct ScanTexts {
    /// The persona's description.
    pub persona_description: String,
    /// The card's description.
    pub character_description: String,
    /// The card's personality.
    pub character_personality: String,
    /// The character's note.
    pub character_depth_prompt: String,
    /// The scenario.
    pub scenario: String,
    /// Whether that is the scenario's that the session was started from, rather than the card's.
    pub is_scenario_brought: bool,
    /// What entries aren't looked for in.
    pub blinds: Blinds,
    /// The card's creator notes.
    pub creator_notes: String,
    /// The kind of generation, as entries name it (`normal`, `continue`, ...).
    pub trigger: &'static str,
    /// Messages in the chat.
    pub message_count: u32,
    /// Messages of the character in it.
    pub assistant_count: u32,
}
