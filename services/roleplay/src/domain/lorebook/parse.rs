//! Reads a lorebook from its JSON form in a card.

use serde_json::{Map, Value};

use super::{
    Decorators, Entry, Lorebook, MatchSources, Placement, SelectiveLogic, TimedEffects, spelling,
};
use crate::domain::{
    lenient::{self, Fields},
    role::Role,
};

/// Extension keys that only SillyTavern writes.
const SILLY_TAVERN_KEYS: [&str; 4] = [
    "selectiveLogic",
    "display_index",
    "useProbability",
    "exclude_recursion",
];

impl Lorebook {
    /// Reads the book of a card (`character_book`), or the `data` of a standalone V3 lorebook.
    /// Fields of the wrong type count as absent. `None` if it is no object.
    #[must_use]
    pub fn from_json(book: &Value) -> Option<Self> {
        let fields = Fields(Some(book.as_object()?));
        let entries = match book.get("entries") {
            Some(Value::Array(entries)) => entries.iter().filter_map(parse_entry).collect(),
            Some(Value::Object(entries)) => entries.values().filter_map(parse_entry).collect(),
            _ => Vec::new(),
        };
        Some(Self {
            name: fields.text("name").into_owned(),
            description: fields.text("description").into_owned(),
            scan_depth: fields.count("scan_depth"),
            token_budget: fields.count("token_budget").filter(|budget| *budget > 0),
            recursive_scanning: fields.boolean("recursive_scanning"),
            entries,
            parts: Vec::new(),
        })
    }
}

/// The id that a book gives to an entry.
pub(super) fn given_id(entry: &Map<String, Value>) -> Option<String> {
    let fields = Fields(Some(entry));
    let id = fields.get("id").or_else(|| fields.get("uid"))?;
    Some(lenient::text(id).into_owned()).filter(|id| !id.is_empty())
}

/// Reads an entry.
pub(super) fn entry(entry: &Map<String, Value>) -> Option<Entry> {
    parse_entry(&Value::Object(entry.clone()))
}

/// The entries of the book in a card's `data`, to be changed in place.
pub(crate) fn json_entries_mut(
    data: &mut Map<String, Value>,
) -> Box<dyn Iterator<Item = &mut Map<String, Value>> + '_> {
    match data
        .get_mut("character_book")
        .and_then(|book| book.get_mut("entries"))
    {
        Some(Value::Array(entries)) => {
            Box::new(entries.iter_mut().filter_map(Value::as_object_mut))
        }
        Some(Value::Object(entries)) => {
            Box::new(entries.values_mut().filter_map(Value::as_object_mut))
        }
        _ => Box::new(std::iter::empty()),
    }
}

fn parse_entry(entry: &Value) -> Option<Entry> {
    let object = &*spelling::as_in_cards(entry.as_object()?);
    let fields = Fields(Some(object));
    let extensions = fields.object("extensions");
    let either = |key: &str| extensions.get(key).or_else(|| fields.get(key));
    let (decorators, body) = match object.get("content") {
        Some(Value::String(content)) => Decorators::split(content),
        _ => (Decorators::default(), ""),
    };
    let written_by_silly_tavern = SILLY_TAVERN_KEYS
        .iter()
        .any(|key| extensions.0.is_some_and(|map| map.contains_key(*key)));
    Some(Entry {
        id: given_id(object),
        name: fields.text("name").into_owned(),
        comment: fields.text("comment").into_owned(),
        keys: keys(fields, "keys"),
        secondary_keys: keys(fields, "secondary_keys"),
        content: body.to_owned(),
        enabled: fields.boolean("enabled").unwrap_or(true),
        constant: fields.boolean("constant").unwrap_or(false),
        selective: fields.boolean("selective").unwrap_or(false),
        logic: logic(extensions.integer("selectiveLogic")),
        insertion_order: fields.integer("insertion_order").unwrap_or(100),
        priority: fields.integer("priority"),
        case_sensitive: either("case_sensitive").and_then(lenient::boolean),
        match_whole_words: either("match_whole_words").and_then(lenient::boolean),
        strict_regex: fields.boolean("use_regex").unwrap_or(false) && !written_by_silly_tavern,
        scan_depth: decorators
            .scan_depth
            .or_else(|| either("scan_depth").and_then(lenient::count)),
        placement: placement(fields, extensions, &decorators),
        is_placed: is_placed(fields, extensions, &decorators),
        exclude_recursion: extensions.boolean("exclude_recursion").unwrap_or(false),
        prevent_recursion: extensions.boolean("prevent_recursion").unwrap_or(false),
        delay_until_recursion: delay_until_recursion(extensions),
        probability: probability(extensions),
        groups: groups(extensions),
        group_override: extensions.boolean("group_override").unwrap_or(false),
        group_weight: extensions.count("group_weight").unwrap_or(100),
        use_group_scoring: extensions.boolean("use_group_scoring"),
        timed: timed(extensions),
        ignore_budget: extensions.boolean("ignore_budget").unwrap_or(false),
        match_sources: match_sources(extensions),
        triggers: extensions
            .texts("triggers")
            .into_iter()
            .map(Into::into)
            .collect(),
        automation_id: extensions.text("automation_id").into_owned(),
        vectorized: extensions.boolean("vectorized").unwrap_or(false),
        display_index: extensions.integer("display_index"),
        decorators,
    })
}

/// A list of keys, or one string with commas between them.
fn keys(fields: Fields<'_>, name: &str) -> Vec<String> {
    if let Some(Value::String(list)) = fields.get(name) {
        return list.split(',').map(|key| key.trim().to_owned()).collect();
    }
    fields.texts(name).into_iter().map(Into::into).collect()
}

fn logic(number: Option<i64>) -> SelectiveLogic {
    match number {
        Some(1) => SelectiveLogic::NotAll,
        Some(2) => SelectiveLogic::NotAny,
        Some(3) => SelectiveLogic::AndAll,
        _ => SelectiveLogic::AndAny,
    }
}

fn placement(fields: Fields<'_>, extensions: Fields<'_>, decorators: &Decorators) -> Placement {
    let role = decorators
        .role
        .or_else(|| extensions.get("role").and_then(Role::read));
    let role = role.unwrap_or(Role::System);
    if let Some(position) = &decorators.position {
        return position.clone();
    }
    if let Some(depth) = decorators.depth {
        return Placement::Depth { depth, role };
    }
    let depth = extensions.count("depth").or(fields.count("depth"));
    let depth = depth.unwrap_or(4);
    match position_number(fields, extensions) {
        Some(0) => Placement::BeforeCharacter,
        Some(1) => Placement::AfterCharacter,
        Some(2) => Placement::NoteTop,
        Some(3) => Placement::NoteBottom,
        Some(4) => Placement::Depth { depth, role },
        Some(5) => Placement::BeforeExamples,
        Some(6) => Placement::AfterExamples,
        Some(7) => Placement::Outlet {
            name: extensions.text("outlet_name").into_owned(),
        },
        _ if fields.text("position") == "before_char" => Placement::BeforeCharacter,
        _ => Placement::AfterCharacter,
    }
}

/// The number of `SillyTavern`'s that a position is, which some write where cards have a word.
fn position_number(fields: Fields<'_>, extensions: Fields<'_>) -> Option<i64> {
    let position = extensions.integer("position");
    position.or_else(|| fields.integer("position"))
}

fn is_placed(fields: Fields<'_>, extensions: Fields<'_>, decorators: &Decorators) -> bool {
    let position = position_number(fields, extensions);
    decorators.position.is_some()
        || decorators.depth.is_some()
        || position.is_some_and(|position| (0..=7).contains(&position))
        || ["before_char", "after_char"].contains(&&*fields.text("position"))
}

/// SillyTavern writes a level, or in older versions a boolean for level 1.
fn delay_until_recursion(extensions: Fields<'_>) -> Option<u32> {
    match extensions.get("delay_until_recursion")? {
        Value::Bool(delayed) => delayed.then_some(1),
        level => lenient::count(level).filter(|level| *level > 0),
    }
}

fn probability(extensions: Fields<'_>) -> f64 {
    if extensions.boolean("useProbability") == Some(false) {
        return 100.0;
    }
    extensions
        .number("probability")
        .unwrap_or(100.0)
        .clamp(0.0, 100.0)
}

fn groups(extensions: Fields<'_>) -> Vec<String> {
    let list = extensions.text("group");
    list.split(',')
        .map(str::trim)
        .filter(|group| !group.is_empty())
        .map(str::to_owned)
        .collect()
}

fn timed(extensions: Fields<'_>) -> TimedEffects {
    let messages = |key| extensions.count(key).filter(|count| *count > 0);
    TimedEffects {
        sticky: messages("sticky"),
        cooldown: messages("cooldown"),
        delay: messages("delay"),
    }
}

fn match_sources(extensions: Fields<'_>) -> MatchSources {
    let set = |key| extensions.boolean(key).unwrap_or(false);
    MatchSources {
        persona_description: set("match_persona_description"),
        character_description: set("match_character_description"),
        character_personality: set("match_character_personality"),
        character_depth_prompt: set("match_character_depth_prompt"),
        scenario: set("match_scenario"),
        creator_notes: set("match_creator_notes"),
    }
}
