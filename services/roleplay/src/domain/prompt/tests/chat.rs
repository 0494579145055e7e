use serde_json::json;

use super::*;

const PERSONA: Persona<'static> = Persona {
    name: "Ada",
    description: "{{user}} is a sailor.",
};

#[test]
fn sends_the_parts_in_the_order_of_the_field() {
    let card = a_card(json!({"post_history_instructions": "Be brief."}));
    let book = a_book(json!([
        {"keys": ["reef"], "content": "Reefs cut.", "position": "before_char"},
        {"constant": true, "content": "The sea is cold.", "position": "after_char"},
        {"constant": true, "content": "Before.", "extensions": {"position": 5}},
        {"constant": true, "content": "After.", "extensions": {"position": 6}}
    ]));
    let chat = a_short_chat();
    let material = Material {
        lore: Some(&book),
        persona: PERSONA,
        system_prompt: Some("Main for {{char}}."),
        ..Material::new(&card, &chat)
    };
    assert_eq!(
        lines(&material),
        [
            "system: Main for Wren.",
            "system: Reefs cut.",
            "system: Ada is a sailor.",
            "system: Wren keeps a lighthouse.",
            "system: Wren's personality: dry",
            "system: Scenario: A storm is near.",
            "system: The sea is cold.",
            "system: Before.",
            "system: [Example Chat]",
            "system example_user: Cold?",
            "system example_assistant: Always.\nAlways.",
            "system: [Example Chat]",
            "system example_assistant: Second.",
            "system: After.",
            "system: [Start a new Chat]",
            "assistant: The lamp is lit.",
            "user: Any ships?",
            "assistant: One.",
            "user: Tell me of the reef.",
            "system: Be brief.",
        ]
    );
}

#[test]
fn the_card_overrides_and_may_quote_what_it_overrides() {
    let card = a_card(
        json!({"mes_example": "", "system_prompt": "{{original}} Slowly.",
        "post_history_instructions": "Mine."}),
    );
    let chat = a_chat(&[(Role::User, "Hi Wren")]);
    let material = Material {
        system_prompt: Some("Play {{char}}."),
        post_history_instructions: "Yours.",
        scenario: Some("Another day."),
        ..Material::new(&card, &chat)
    };
    let lines = lines(&material);
    assert_eq!(lines[0], "system: Play Wren. Slowly.");
    assert!(lines.contains(&"system: Scenario: Another day.".to_owned()));
    assert_eq!(lines[lines.len() - 2..], ["user: Hi Wren", "system: Mine."]);
}

#[test]
fn merges_plain_system_messages_only() {
    let card = a_card(json!({"mes_example": ""}));
    let chat = a_short_chat();
    let compiled = compile(&Material::new(&card, &chat), &settings(Form::Chat));
    let Prompt::Chat { messages, .. } = compiled.prompt else {
        panic!("not a chat")
    };
    let roles: Vec<&str> = messages
        .iter()
        .map(|message| message.role.as_str())
        .collect();
    assert_eq!(roles, ["system", "assistant", "user", "assistant", "user"]);
    assert!(
        messages[0]
            .content
            .contains("lighthouse.\n\nWren's personality: dry\n\nScenario: A storm")
    );
    assert_eq!(compiled.receipt.spans[3].position, 0);
    assert_eq!(compiled.receipt.spans.last().unwrap().position, 4);
}

#[test]
fn puts_texts_at_their_depth_with_system_nearest_the_end() {
    let card = a_card(json!({"mes_example": "",
        "extensions": {"depth_prompt": {"prompt": "Note.", "depth": 1, "role": "system"}}}));
    let at = |depth: u32, role: u32, text: &str| json!({"constant": true, "content": text, "extensions": {"position": 4, "depth": depth, "role": role}});
    let book = a_book(json!([
        at(1, 0, "S."),
        at(1, 1, "U."),
        at(1, 2, "A."),
        at(0, 0, "End."),
        at(99, 0, "Top.")
    ]));
    let chat = a_short_chat();
    let lines = lines(&Material {
        lore: Some(&book),
        ..Material::new(&card, &chat)
    });
    assert_eq!(
        lines[5..],
        [
            "system: Top.",
            "assistant: The lamp is lit.",
            "user: Any ships?",
            "assistant: One.",
            "assistant: A.",
            "user: U.",
            "system: Note.\nS.",
            "user: Tell me of the reef.",
            "system: End.",
        ]
    );
}

#[test]
fn a_continued_message_is_the_last_whatever_goes_to_depth_0() {
    let card = a_card(
        json!({"mes_example": "", "post_history_instructions": "Brief.",
        "extensions": {"depth_prompt": {"prompt": "Note.", "depth": 0}}}),
    );
    let chat = a_chat(&[(Role::User, "And then?"), (Role::Assistant, "Then the ")]);
    let material = Material {
        kind: Kind::Continue,
        ..Material::new(&card, &chat)
    };
    let lines = lines(&material);
    assert_eq!(
        lines[lines.len() - 4..],
        [
            "user: And then?",
            "system: Note.",
            "system: Brief.",
            "assistant: Then the "
        ]
    );
    let compiled = compile(&material, &settings(Form::Chat));
    assert!(matches!(
        compiled.prompt,
        Prompt::Chat {
            continues_last: true,
            ..
        }
    ));
    assert_eq!(compiled.receipt.dropped_messages, 0);
}

#[test]
fn names_go_where_the_settings_say() {
    let card = a_card(json!({"mes_example": ""}));
    let mut chat = a_short_chat();
    chat[3].name = "Ada Ünal".into();
    let material = Material::new(&card, &chat);
    let last = |names| {
        let Prompt::Chat { mut messages, .. } = compile(
            &material,
            &Settings {
                names,
                ..settings(Form::Chat)
            },
        )
        .prompt
        else {
            panic!("not a chat")
        };
        messages.pop().unwrap()
    };
    assert_eq!(last(NameStyle::Field).name.unwrap(), "Ada__nal");
    assert_eq!(
        last(NameStyle::Content).content,
        "Ada Ünal: Tell me of the reef."
    );
    assert_eq!(last(NameStyle::Omitted).name, None);
}

#[test]
fn examples_may_be_one_plain_message_each() {
    let card = a_card(json!({}));
    let chat = a_short_chat();
    let style = Settings {
        examples: ExampleStyle::Transcript,
        ..settings(Form::Chat)
    };
    let Prompt::Chat { messages, .. } = compile(&Material::new(&card, &chat), &style).prompt else {
        panic!("not a chat")
    };
    assert_eq!(messages.len(), 5);
    assert!(
        messages[0]
            .content
            .contains("[Example Chat]\n\nUser: Cold?\nWren: Always.\nAlways.\n\n[Example")
    );
}
