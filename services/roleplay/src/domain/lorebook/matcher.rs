//! A lorebook made ready for matching: keys folded, patterns compiled. Worth keeping between
//! prompts; it depends on the book and the settings only.

use super::{
    Entry, LoreSettings, Lorebook, Placement,
    key::{Key, KeyRules},
    pattern::PatternBudget,
};

/// A lorebook with its keys ready.
#[derive(Debug, Clone)]
pub struct Matcher {
    pub(super) book: Lorebook,
    pub(super) keys: Vec<EntryKeys>,
    /// Entries by insertion order, highest first; the book's order between equals.
    pub(super) by_order: Vec<usize>,
    /// Entries that look at the texts of card and persona.
    pub(super) reads_fields: bool,
    /// Where the entries begin that a scenario brings.
    pub(super) brought_from: Option<usize>,
    /// Memory of its compiled patterns.
    pattern_bytes: usize,
}

/// The keys of one entry; `texts` stand beside `primary`, to name the one that was found.
#[derive(Debug, Clone)]
pub(super) struct EntryKeys {
    pub(super) texts: Vec<String>,
    pub(super) primary: Vec<Key>,
    pub(super) secondary: Vec<Key>,
    pub(super) secondary_texts: Vec<String>,
    pub(super) excluded: Vec<Key>,
    pub(super) excluded_texts: Vec<String>,
}

impl EntryKeys {
    /// Every key beside its text.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Key, &String)> {
        let primary = self.primary.iter().zip(&self.texts);
        let secondary = self.secondary.iter().zip(&self.secondary_texts);
        primary
            .chain(secondary)
            .chain(self.excluded.iter().zip(&self.excluded_texts))
    }
}

impl Matcher {
    /// Makes the keys ready. Patterns that are invalid or too large never match. Of the settings, it depends on
    /// [`Matcher::settings_key`].
    #[must_use]
    pub fn new(mut book: Lorebook, settings: &LoreSettings) -> Self {
        for entry in book.entries.iter_mut().filter(|entry| !entry.is_placed) {
            entry.placement = match settings.before_character {
                true => Placement::BeforeCharacter,
                false => Placement::AfterCharacter,
            };
        }
        let mut budget = PatternBudget::default();
        let keys = book
            .entries
            .iter()
            .map(|entry| ready_keys(entry, settings, &mut budget))
            .collect();
        let mut by_order: Vec<usize> = (0..book.entries.len()).collect();
        by_order.sort_by_key(|index| std::cmp::Reverse(book.entries[*index].insertion_order));
        let reads_fields = book
            .entries
            .iter()
            .any(|entry| entry.match_sources != super::MatchSources::default());
        Self {
            book,
            keys,
            by_order,
            reads_fields,
            brought_from: None,
            pattern_bytes: budget.spent_bytes(),
        }
    }

    /// What of the settings a matcher depends on.
    #[must_use]
    pub fn settings_key(settings: &LoreSettings) -> [bool; 4] {
        [
            settings.case_sensitive,
            settings.match_whole_words,
            settings.before_character,
            settings.recursive_scanning,
        ]
    }

    /// Memory of its compiled patterns, in bytes.
    #[must_use]
    pub fn pattern_bytes(&self) -> usize {
        self.pattern_bytes
    }

    /// The book.
    #[must_use]
    pub fn book(&self) -> &Lorebook {
        &self.book
    }

    /// Whether an entry fires without a key. V3 says that patterns make `constant` void; without any it is all there is.
    pub(super) fn is_constant(&self, index: usize) -> bool {
        let has_pattern = || {
            let mut keys = self.keys[index].primary.iter();
            keys.any(|key| !matches!(key, Key::Empty))
        };
        let entry = &self.book.entries[index];
        entry.constant && !(entry.strict_regex && has_pattern())
    }

    /// How many messages the entry looks at.
    pub(super) fn depth_of(&self, entry: &Entry, settings: &LoreSettings) -> u32 {
        entry
            .scan_depth
            .or(self.book.scan_depth)
            .unwrap_or(settings.scan_depth)
    }
}

fn ready_keys(entry: &Entry, settings: &LoreSettings, budget: &mut PatternBudget) -> EntryKeys {
    let rules = KeyRules {
        case_sensitive: entry.case_sensitive.unwrap_or(settings.case_sensitive),
        whole_words: entry
            .match_whole_words
            .unwrap_or(settings.match_whole_words),
        strict_regex: entry.strict_regex,
    };
    let mut ready = |texts: &[String]| -> Vec<Key> {
        let keys = texts.iter().map(|text| Key::new(text, rules, budget));
        keys.collect()
    };
    let mut texts = entry.keys.clone();
    texts.extend(entry.decorators.additional_keys.iter().cloned());
    // V3: patterns stand alone, other conditions on keys don't count beside them.
    let beside = |texts: &[String]| {
        if entry.strict_regex {
            Vec::new()
        } else {
            texts.to_vec()
        }
    };
    let secondary_texts = if entry.selective {
        beside(&entry.secondary_keys)
    } else {
        Vec::new()
    };
    let excluded_texts = beside(&entry.decorators.exclude_keys);
    EntryKeys {
        primary: ready(&texts),
        secondary: ready(&secondary_texts),
        excluded: ready(&excluded_texts),
        texts,
        secondary_texts,
        excluded_texts,
    }
}
