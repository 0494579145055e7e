//! What a session says about its prompts. What it doesn't say is as the book or the entry says, or else as SillyTavern ships it.

use serde::{Deserialize, Serialize};

use crate::domain::lorebook::LoreSettings;
use crate::domain::prompt::Settings;

/// What a session says about its prompts. Stored as JSON: fields are only ever added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PromptChoices {
    /// [`LoreSettings::scan_depth`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan_depth: Option<u32>,
    /// [`LoreSettings::budget_percent`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lore_budget_percent: Option<u32>,
    /// [`LoreSettings::case_sensitive`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case_sensitive: Option<bool>,
    /// [`LoreSettings::match_whole_words`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_whole_words: Option<bool>,
    /// [`LoreSettings::recursive_scanning`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recursive_scanning: Option<bool>,
    /// [`LoreSettings::max_recursion_steps`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_recursion_steps: Option<u32>,
    /// [`LoreSettings::include_names`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_names: Option<bool>,
    /// [`LoreSettings::before_character`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lore_before_character: Option<bool>,
    /// [`Settings::personality_format`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personality_format: Option<String>,
    /// [`Settings::scenario_format`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario_format: Option<String>,
}

/// One of the choices, for a change of it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptChoice {
    /// [`PromptChoices::scan_depth`].
    ScanDepth,
    /// [`PromptChoices::lore_budget_percent`].
    LoreBudgetPercent,
    /// [`PromptChoices::case_sensitive`].
    CaseSensitive,
    /// [`PromptChoices::match_whole_words`].
    MatchWholeWords,
    /// [`PromptChoices::recursive_scanning`].
    RecursiveScanning,
    /// [`PromptChoices::max_recursion_steps`].
    MaxRecursionSteps,
    /// [`PromptChoices::include_names`].
    IncludeNames,
    /// [`PromptChoices::lore_before_character`].
    LoreBeforeCharacter,
    /// [`PromptChoices::personality_format`].
    PersonalityFormat,
    /// [`PromptChoices::scenario_format`].
    ScenarioFormat,
}

impl PromptChoices {
    /// True where nothing is said.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }

    /// True where the choice is made.
    #[must_use]
    pub fn has(&self, choice: PromptChoice) -> bool {
        match choice {
            PromptChoice::ScanDepth => self.scan_depth.is_some(),
            PromptChoice::LoreBudgetPercent => self.lore_budget_percent.is_some(),
            PromptChoice::CaseSensitive => self.case_sensitive.is_some(),
            PromptChoice::MatchWholeWords => self.match_whole_words.is_some(),
            PromptChoice::RecursiveScanning => self.recursive_scanning.is_some(),
            PromptChoice::MaxRecursionSteps => self.max_recursion_steps.is_some(),
            PromptChoice::IncludeNames => self.include_names.is_some(),
            PromptChoice::LoreBeforeCharacter => self.lore_before_character.is_some(),
            PromptChoice::PersonalityFormat => self.personality_format.is_some(),
            PromptChoice::ScenarioFormat => self.scenario_format.is_some(),
        }
    }

    /// Takes a choice from `new`, also one that isn't made there.
    pub fn take(&mut self, choice: PromptChoice, new: &Self) {
        match choice {
            PromptChoice::ScanDepth => self.scan_depth = new.scan_depth,
            PromptChoice::LoreBudgetPercent => self.lore_budget_percent = new.lore_budget_percent,
            PromptChoice::CaseSensitive => self.case_sensitive = new.case_sensitive,
            PromptChoice::MatchWholeWords => self.match_whole_words = new.match_whole_words,
            PromptChoice::RecursiveScanning => self.recursive_scanning = new.recursive_scanning,
            PromptChoice::MaxRecursionSteps => self.max_recursion_steps = new.max_recursion_steps,
            PromptChoice::IncludeNames => self.include_names = new.include_names,
            PromptChoice::LoreBeforeCharacter => {
                self.lore_before_character = new.lore_before_character
            }
            PromptChoice::PersonalityFormat => {
                self.personality_format.clone_from(&new.personality_format)
            }
            PromptChoice::ScenarioFormat => self.scenario_format.clone_from(&new.scenario_format),
        }
    }

    /// How lorebooks are scanned where neither book nor entry says.
    #[must_use]
    pub fn lore(&self) -> LoreSettings {
        let shipped = LoreSettings::default();
        LoreSettings {
            scan_depth: self.scan_depth.unwrap_or(shipped.scan_depth),
            budget_percent: self.lore_budget_percent.unwrap_or(shipped.budget_percent),
            case_sensitive: self.case_sensitive.unwrap_or(shipped.case_sensitive),
            match_whole_words: self.match_whole_words.unwrap_or(shipped.match_whole_words),
            recursive_scanning: self
                .recursive_scanning
                .unwrap_or(shipped.recursive_scanning),
            max_recursion_steps: self
                .max_recursion_steps
                .unwrap_or(shipped.max_recursion_steps),
            include_names: self.include_names.unwrap_or(shipped.include_names),
            before_character: self
                .lore_before_character
                .unwrap_or(shipped.before_character),
        }
    }

    /// How prompts are built, as far as the session says.
    #[must_use]
    pub fn over(&self, shipped: Settings) -> Settings {
        let personality = self.personality_format.clone();
        let scenario = self.scenario_format.clone();
        Settings {
            lore: self.lore(),
            personality_format: personality.unwrap_or(shipped.personality_format),
            scenario_format: scenario.unwrap_or(shipped.scenario_format),
            ..shipped
        }
    }
}
