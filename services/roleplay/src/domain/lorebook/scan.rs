//! One scan of a book over a chat: the inputs, and the search for keys.

use std::cell::RefCell;
use std::collections::HashMap;

use super::{
    Blinds, Found, Matcher, Reason, SelectiveLogic,
    buffer::{Haystack, Hit, Messages, Window},
    key::{Key, KeyRules, is_written_as_pattern},
    pattern::{PatternBudget, Problem, Steps},
};
use crate::domain::veils::Writer;

mod given;

pub use given::{LoreSettings, ScanMessage, ScanTexts};

/// What a scan decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Activation {
    /// One for each entry of the book, in its order.
    pub reasons: Vec<Reason>,
    /// Entries that fired, in the order of the prompt.
    pub fired: Vec<usize>,
    /// Tokens of the entries that fired.
    pub used_tokens: u32,
    /// Tokens that they could take.
    pub budget_tokens: u32,
}

/// By their rules and their writers, the keys of each text.
type Templates = HashMap<(KeyRules, Writer), HashMap<String, Key>>;

/// A scan of one book over one chat.
pub struct Scan<'a> {
    pub(super) matcher: &'a Matcher,
    pub(super) settings: &'a LoreSettings,
    pub(super) texts: ScanTexts,
    pub(super) seed: u64,
    /// Keys that hold macros, expanded for this chat: each writer's stand for something else.
    templates: Templates,
    messages: Messages,
    fields: Vec<(&'static str, Haystack)>,
    /// The first key of each entry that messages or fields hold: it is the same in every pass.
    first_found: Vec<Option<(usize, Found)>>,
    pub(super) steps: Steps,
    /// Entries with a key whose search was given up, and that key.
    given_up: RefCell<HashMap<usize, String>>,
}

impl<'a> Scan<'a> {
    /// Looks for every key in the messages, given newest first. `expand` expands macros in keys; it is told of
    /// which entry a key is, and whether it is a pattern.
    pub fn new<'m>(
        matcher: &'a Matcher,
        settings: &'a LoreSettings,
        newest_first: impl Iterator<Item = ScanMessage<'m>>,
        texts: ScanTexts,
        expand: &dyn Fn(usize, &str, bool) -> String,
        seed: u64,
    ) -> Self {
        let entries = &matcher.book.entries;
        let looking = (0..entries.len())
            .filter(|index| entries[*index].enabled && !matcher.is_constant(*index));
        let deepest = looking
            .map(|index| matcher.depth_of(&entries[index], settings))
            .max()
            .unwrap_or(0);
        let unnamed = |message: ScanMessage<'m>| ScanMessage {
            name: "",
            ..message
        };
        let newest_first = newest_first.map(|message| {
            if settings.include_names {
                message
            } else {
                unnamed(message)
            }
        });
        let fields = if matcher.reads_fields {
            fold_fields(&texts)
        } else {
            Vec::new()
        };
        let templates = expand_keys(matcher, &texts.blinds, expand);
        let mut scan = Self {
            matcher,
            settings,
            texts,
            seed,
            templates,
            messages: Messages::new(newest_first, deepest),
            fields,
            first_found: Vec::new(),
            steps: Steps::default(),
            given_up: RefCell::default(),
        };
        scan.first_found = (0..entries.len())
            .map(|index| scan.find_first(index))
            .collect();
        scan
    }

    /// The first primary key that is found, in messages, fields or the texts of other entries.
    pub(super) fn find_key(
        &self,
        index: usize,
        others: &[(usize, Haystack)],
    ) -> Option<(usize, Found)> {
        if let Some(found) = &self.first_found[index] {
            return Some(found.clone());
        }
        let keys = &self.matcher.keys[index].primary;
        let texts = &self.matcher.keys[index].texts;
        let mut others = self.searchable(index, others);
        others.find_map(|(other, haystack)| {
            let is_here = |(key, text): (&Key, &String)| {
                !self.is_kept_to_messages(key)
                    && self.find_in(index, key, text, haystack.whole()).is_some()
            };
            let at = keys.iter().zip(texts).position(is_here)?;
            Some((at, Found::Entry(*other)))
        })
    }

    /// Whether the secondary keys agree with a match of a primary key.
    pub(super) fn secondary_agree(&self, index: usize, others: &[(usize, Haystack)]) -> bool {
        let keys = &self.matcher.keys[index];
        if keys.secondary.is_empty() {
            return true;
        }
        let mut found = keys
            .secondary
            .iter()
            .zip(&keys.secondary_texts)
            .map(|(key, text)| self.is_present(index, key, text, others));
        match self.matcher.book.entries[index].logic {
            SelectiveLogic::AndAny => found.any(|found| found),
            SelectiveLogic::AndAll => found.all(|found| found),
            SelectiveLogic::NotAny => !found.any(|found| found),
            SelectiveLogic::NotAll => !found.all(|found| found),
        }
    }

    /// The first excluding key that is found.
    pub(super) fn excluded_by(&self, index: usize, others: &[(usize, Haystack)]) -> Option<String> {
        let keys = &self.matcher.keys[index];
        let mut pairs = keys.excluded.iter().zip(&keys.excluded_texts);
        let excluding = pairs.find(|(key, text)| self.is_present(index, key, text, others));
        excluding.map(|(_, text)| text.clone())
    }

    fn find_first(&self, index: usize) -> Option<(usize, Found)> {
        let keys = &self.matcher.keys[index];
        let window = self.window_of(index);
        for (at, (key, text)) in keys.primary.iter().zip(&keys.texts).enumerate() {
            if let Some(hit) = self.find_in(index, key, text, window) {
                return Some((at, Found::Message(self.messages.message_at(hit))));
            }
            if self.is_kept_to_messages(key) {
                continue;
            }
            for (name, haystack) in self.fields_of(index) {
                if self.find_in(index, key, text, haystack.whole()).is_some() {
                    return Some((at, Found::Field((*name).to_owned())));
                }
            }
        }
        None
    }

    fn is_present(
        &self,
        index: usize,
        key: &Key,
        text: &str,
        others: &[(usize, Haystack)],
    ) -> bool {
        let is_in = |window| self.find_in(index, key, text, window).is_some();
        if is_in(self.window_of(index)) {
            return true;
        }
        let mut others = self.searchable(index, others);
        !self.is_kept_to_messages(key)
            && (self.fields_of(index).any(|(_, field)| is_in(field.whole()))
                || others.any(|(_, other)| is_in(other.whole())))
    }

    /// The texts of other entries that an entry may be looked for in.
    fn searchable<'o>(
        &self,
        index: usize,
        others: &'o [(usize, Haystack)],
    ) -> impl Iterator<Item = &'o (usize, Haystack)> {
        let is_searchable = move |(other, _): &&(usize, Haystack)| {
            self.may_search(index, self.texts.blinds.writer(*other))
        };
        others.iter().filter(is_searchable)
    }

    fn find_in(&self, index: usize, key: &Key, text: &str, window: Window<'_>) -> Option<Hit> {
        let key = self.ready(index, key, text)?;
        if key.backtracks() && self.given_up.borrow().contains_key(&index) {
            return None;
        }
        key.find(window, &self.steps).unwrap_or_else(|_| {
            self.given_up.borrow_mut().insert(index, text.to_owned());
            None
        })
    }

    /// The key with its macros expanded.
    fn ready<'k>(&'k self, index: usize, key: &'k Key, text: &str) -> Option<&'k Key> {
        match key {
            Key::Template(rules) => {
                let of_writer = (*rules, self.texts.blinds.writer(index));
                self.templates.get(&of_writer)?.get(text)
            }
            ready => Some(ready),
        }
    }

    /// Why a key of an entry can't be found, if it isn't for want of it in the texts.
    pub(super) fn problem_of(&self, index: usize) -> Option<Reason> {
        if let Some(key) = self.given_up.borrow().get(&index) {
            let (key, problem) = (key.clone(), Problem::OutOfSteps);
            return Some(Reason::PatternFailed { key, problem });
        }
        self.matcher.keys[index].all().find_map(|(key, text)| {
            let problem = self.ready(index, key, text)?.problem()?;
            let key = text.clone();
            Some(Reason::PatternFailed { key, problem })
        })
    }

    fn window_of(&self, index: usize) -> Window<'_> {
        let entry = &self.matcher.book.entries[index];
        self.messages
            .window(self.matcher.depth_of(entry, self.settings))
    }

    fn fields_of(&self, index: usize) -> impl Iterator<Item = &(&'static str, Haystack)> {
        let sources = self.matcher.book.entries[index].match_sources;
        let card = Writer::Card(self.texts.blinds.card);
        let told = match self.texts.is_scenario_brought {
            true => Writer::Scenario,
            false => card,
        };
        let (sees_card, sees_scenario) =
            (self.may_search(index, card), self.may_search(index, told));
        self.fields.iter().filter(move |(name, _)| match *name {
            "persona_description" => sources.persona_description,
            "character_description" => sources.character_description && sees_card,
            "character_personality" => sources.character_personality && sees_card,
            "character_depth_prompt" => sources.character_depth_prompt && sees_card,
            "scenario" => sources.scenario && sees_scenario,
            "creator_notes" => sources.creator_notes && sees_card,
            _ => false,
        })
    }
}

fn expand_keys(
    matcher: &Matcher,
    blinds: &Blinds,
    expand: &dyn Fn(usize, &str, bool) -> String,
) -> Templates {
    let mut templates = Templates::new();
    let mut budget = PatternBudget::default();
    for (index, keys) in matcher.keys.iter().enumerate() {
        for (key, text) in keys.all() {
            if let Key::Template(rules) = key {
                let of_writer = (*rules, blinds.writer(index));
                let of_writer = templates.entry(of_writer).or_default();
                if !of_writer.contains_key(text) {
                    let is_pattern = rules.strict_regex || is_written_as_pattern(text);
                    let expanded = expand(index, text, is_pattern);
                    let key = Key::expanded(text, &expanded, *rules, &mut budget);
                    of_writer.insert(text.clone(), key);
                }
            }
        }
    }
    templates
}

fn fold_fields(texts: &ScanTexts) -> Vec<(&'static str, Haystack)> {
    [
        ("persona_description", &texts.persona_description),
        ("character_description", &texts.character_description),
        ("character_personality", &texts.character_personality),
        ("character_depth_prompt", &texts.character_depth_prompt),
        ("scenario", &texts.scenario),
        ("creator_notes", &texts.creator_notes),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .map(|(name, text)| (name, Haystack::new(text)))
    .collect()
}
