mod budget;
mod chat;
mod group;
mod group_voices;
mod memory;
mod properties;
mod receipts;
mod stable;
mod text;
mod voices;

use serde_json::{Value, json};

use super::*;
use crate::domain::{card::Card, lorebook::Matcher, role::Role};

pub(super) fn a_card(changes: Value) -> Card {
    let mut card = json!({"spec": "chara_card_v2", "spec_version": "2.0", "data": {
        "name": "Wren",
        "description": "{{char}} keeps a lighthouse.",
        "personality": "dry",
        "scenario": "A storm is near.",
        "first_mes": "The lamp is lit.",
        "mes_example": "<START>\n{{user}}: Cold?\n{{char}}: Always.\nAlways.\n<START>\n{{char}}: Second.",
    }});
    for (key, value) in changes.as_object().unwrap() {
        card["data"][key] = value.clone();
    }
    Card::from_json(card.to_string().as_bytes()).unwrap()
}

/// Turns from `(role, text)`, whose ids are their places.
fn a_chat(turns: &[(Role, &'static str)]) -> Vec<Turn<'static>> {
    let turn = |(index, (role, text)): (usize, &(Role, &'static str))| Turn {
        id: index.to_string().into(),
        role: *role,
        name: "".into(),
        text: (*text).into(),
    };
    turns.iter().enumerate().map(turn).collect()
}

fn a_short_chat() -> Vec<Turn<'static>> {
    a_chat(&[
        (Role::Assistant, "The lamp is lit."),
        (Role::User, "Any ships?"),
        (Role::Assistant, "One."),
        (Role::User, "Tell me of the reef."),
    ])
}

/// A token a word.
fn words(text: &str) -> u32 {
    u32::try_from(text.split_whitespace().count()).unwrap()
}

fn settings(form: Form) -> Settings {
    Settings {
        form,
        ..Settings::default()
    }
}

fn a_book(entries: Value) -> Matcher {
    let book =
        crate::domain::lorebook::Lorebook::from_json(&json!({ "entries": entries })).unwrap();
    Matcher::new(book, &Settings::default().lore)
}

fn compile(material: &Material<'_>, settings: &Settings) -> Compiled {
    Draft::new(material, settings, 5)
        .unwrap()
        .fit(words)
        .unwrap()
}

/// `role name: content` of each message, system messages not merged.
fn lines(material: &Material<'_>) -> Vec<String> {
    let settings = Settings {
        merge_system_messages: false,
        ..settings(Form::Chat)
    };
    let Prompt::Chat { messages, .. } = compile(material, &settings).prompt else {
        panic!("not a chat")
    };
    let line = |message: ChatMessage| {
        let name = message
            .name
            .map(|name| format!(" {name}"))
            .unwrap_or_default();
        format!("{}{name}: {}", message.role.as_str(), message.content)
    };
    messages.into_iter().map(line).collect()
}

fn prompt_text(material: &Material<'_>) -> String {
    match compile(material, &settings(Form::Text)).prompt {
        Prompt::Text { prompt, .. } => prompt,
        Prompt::Chat { .. } => panic!("not a text"),
    }
}
