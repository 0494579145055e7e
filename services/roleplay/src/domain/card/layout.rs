//! Where a card document keeps its fields: the specifications and their older cousins.

use serde_json::{Map, Value};

use super::Warning;
use crate::domain::lenient::{self, Fields};

/// A character card specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spec {
    /// Flat JSON of six texts, and its older cousins.
    V1,
    /// `chara_card_v2`.
    V2,
    /// `chara_card_v3`.
    V3,
}

/// A text of the card. The order is the order of a new card's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TextField {
    /// Never blank.
    Name,
    /// What `{{char}}` stands for, if it is set.
    Nickname,
    /// Who the character is.
    Description,
    /// A summary of the personality.
    Personality,
    /// The circumstances of the chat.
    Scenario,
    /// The greeting.
    FirstMes,
    /// Example dialogues behind `<START>`.
    MesExample,
    /// For people, never in a prompt.
    CreatorNotes,
    /// Takes the place of the person's system prompt.
    SystemPrompt,
    /// Takes the place of the person's text behind the history.
    PostHistoryInstructions,
    /// Who made the card.
    Creator,
    /// The version its maker gave it.
    CharacterVersion,
}

impl TextField {
    /// Every text field.
    pub const ALL: [Self; 12] = [
        Self::Name,
        Self::Nickname,
        Self::Description,
        Self::Personality,
        Self::Scenario,
        Self::FirstMes,
        Self::MesExample,
        Self::CreatorNotes,
        Self::SystemPrompt,
        Self::PostHistoryInstructions,
        Self::Creator,
        Self::CharacterVersion,
    ];

    /// The key that V2 and V3 cards use.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Nickname => "nickname",
            Self::Description => "description",
            Self::Personality => "personality",
            Self::Scenario => "scenario",
            Self::FirstMes => "first_mes",
            Self::MesExample => "mes_example",
            Self::CreatorNotes => "creator_notes",
            Self::SystemPrompt => "system_prompt",
            Self::PostHistoryInstructions => "post_history_instructions",
            Self::Creator => "creator",
            Self::CharacterVersion => "character_version",
        }
    }
}

/// By which a V1 card is known, besides its name and its description, which other files have too.
pub(super) const FLAT: [&str; 4] = ["first_mes", "mes_example", "personality", "scenario"];
/// By which Pygmalion's and Gradio's are known.
pub(super) const GRADIO: [&str; 4] = [
    "char_persona",
    "char_greeting",
    "world_scenario",
    "example_dialogue",
];
/// By which text-generation-webui's are known.
pub(super) const CONTEXT: [&str; 2] = ["context", "greeting"];

/// How one document is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// V2 and V3: fields under `data`.
    Nested(Spec),
    /// V1: fields at the root.
    Flat,
    /// Pygmalion and Gradio: `char_name`, `char_persona`, ...
    Gradio,
    /// text-generation-webui: `name`, `context`, `greeting`.
    Context,
}

impl Layout {
    /// Recognises the document; `None` if it has none of a card's fields.
    pub(super) fn detect(root: &Map<String, Value>, warnings: &mut Vec<Warning>) -> Option<Self> {
        let spec = Fields(Some(root)).text("spec");
        if let Some(data) = root.get("data").and_then(Value::as_object)
            && (spec.starts_with("chara_card") || data.contains_key("name"))
        {
            return Some(Self::Nested(detect_spec(root, &spec, warnings)));
        }
        let has = |key: &&str| root.get(*key).is_some_and(|value| !value.is_object());
        if has(&"name") && (FLAT.iter().any(&has) || has(&"description")) {
            return Some(Self::Flat);
        }
        if has(&"char_name") && GRADIO.iter().any(&has) {
            return Some(Self::Gradio);
        }
        (has(&"name") && CONTEXT.iter().any(has)).then_some(Self::Context)
    }

    pub(super) fn spec(self) -> Spec {
        match self {
            Self::Nested(spec) => spec,
            Self::Flat | Self::Gradio | Self::Context => Spec::V1,
        }
    }

    /// The key under which this layout keeps the field.
    pub(super) fn key(self, field: TextField) -> &'static str {
        match (self, field) {
            (Self::Flat, TextField::CreatorNotes) => "creatorcomment",
            (Self::Gradio, TextField::Name) => "char_name",
            (Self::Gradio, TextField::Description) => "char_persona",
            (Self::Gradio, TextField::FirstMes) => "char_greeting",
            (Self::Gradio, TextField::Scenario) => "world_scenario",
            (Self::Gradio, TextField::MesExample) => "example_dialogue",
            (Self::Context, TextField::Description) => "context",
            (Self::Context, TextField::FirstMes) => "greeting",
            _ => field.key(),
        }
    }
}

fn detect_spec(root: &Map<String, Value>, spec: &str, warnings: &mut Vec<Warning>) -> Spec {
    let version = root.get("spec_version").and_then(lenient::number);
    let known = match spec {
        "chara_card_v2" => Some(Spec::V2),
        "chara_card_v3" => Some(Spec::V3),
        _ => None,
    };
    let newest = if known == Some(Spec::V2) { 2.0 } else { 3.0 };
    let newer = version.is_some_and(|version| version > newest);
    if newer || (known.is_none() && spec.starts_with("chara_card_v")) {
        let version = version.map_or_else(|| spec.to_owned(), |version| format!("{version:?}"));
        warnings.push(Warning::NewerSpec { version });
    } else if known.is_none() {
        warnings.push(Warning::MissingSpec);
        return Spec::V2;
    }
    known.unwrap_or(Spec::V3)
}
