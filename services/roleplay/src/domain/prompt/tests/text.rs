use serde_json::json;

use super::*;

#[test]
fn writes_a_transcript_that_ends_with_the_name_to_speak() {
    let card = a_card(json!({}));
    let chat = a_short_chat();
    let persona = Persona {
        name: "Ada",
        description: "Ada is a sailor.",
    };
    let material = Material {
        persona,
        system_prompt: Some("A talk."),
        ..Material::new(&card, &chat)
    };
    assert_eq!(
        prompt_text(&material),
        "A talk.\nWren keeps a lighthouse.\nWren's personality: dry\nScenario: A storm is near.\nAda is a sailor.\n\
         ***\nAda: Cold?\nWren: Always.\nAlways.\n***\nWren: Second.\n***\n\
         Wren: The lamp is lit.\nAda: Any ships?\nWren: One.\nAda: Tell me of the reef.\nWren:"
    );
}

#[test]
fn goes_on_from_a_partial_message() {
    let card = a_card(json!({"mes_example": ""}));
    let chat = a_chat(&[(Role::User, "And then?"), (Role::Assistant, "Then the ")]);
    let material = Material {
        kind: Kind::Continue,
        ..Material::new(&card, &chat)
    };
    assert!(prompt_text(&material).ends_with("\nUser: And then?\nWren: Then the "));
}

#[test]
fn stops_where_any_person_begins_to_speak_and_at_no_scene_break() {
    let card = a_card(json!({}));
    let mut chat = a_short_chat();
    chat[1].name = "Bob".into();
    let compiled = compile(&Material::new(&card, &chat), &settings(Form::Text));
    let Prompt::Text { stop, .. } = compiled.prompt else {
        panic!("not a text")
    };
    assert_eq!(stop, ["\nUser:", "\nBob:"]);
}

#[test]
fn injected_texts_of_people_are_lines_of_theirs() {
    let card = a_card(
        json!({"mes_example": "", "extensions": {"depth_prompt": {"prompt": "I am calm.", "depth": 1, "role": "assistant"}}}),
    );
    let chat = a_short_chat();
    let text = prompt_text(&Material::new(&card, &chat));
    assert!(
        text.ends_with("Wren: One.\nWren: I am calm.\nUser: Tell me of the reef.\nWren:"),
        "{text}"
    );
}

#[test]
fn spans_point_at_their_text() {
    let card = a_card(json!({}));
    let chat = a_short_chat();
    let compiled = compile(&Material::new(&card, &chat), &settings(Form::Text));
    let Prompt::Text { prompt, .. } = compiled.prompt else {
        panic!("not a text")
    };
    let mut end = 0;
    for span in &compiled.receipt.spans {
        assert_eq!(span.position, end);
        end += span.size_bytes;
    }
    assert_eq!(end, prompt.len());
    let last = &compiled.receipt.spans[compiled.receipt.spans.len() - 2];
    assert_eq!(last.source, Source::Message { id: "3".into() });
    assert_eq!(
        &prompt[last.position..last.position + last.size_bytes],
        "User: Tell me of the reef.\n"
    );
}
