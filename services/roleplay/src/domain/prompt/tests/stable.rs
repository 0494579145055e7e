//! Where prompts stop being those of the turn before.

use super::*;

/// The words of a prompt, one message after another.
fn whole(compiled: &Compiled) -> String {
    match &compiled.prompt {
        Prompt::Text { prompt, .. } => prompt.clone(),
        Prompt::Chat { messages, .. } => {
            let contents = messages.iter().map(|message| &*message.content);
            contents.collect()
        }
    }
}

fn stable(compiled: &Compiled) -> String {
    whole(compiled)[..compiled.stable_bytes].to_owned()
}

#[test]
fn a_plain_prompt_is_stable_to_its_newest_message() {
    let card = a_card(json!({}));
    let (turns, mut more) = (a_short_chat(), a_short_chat());
    more.extend(a_chat(&[
        (Role::Assistant, "It bites."),
        (Role::User, "Oh."),
    ]));
    for form in [Form::Chat, Form::Text] {
        let settings = settings(form);
        let now = compile(&Material::new(&card, &turns), &settings);
        let next = compile(&Material::new(&card, &more), &settings);
        assert!(
            stable(&now).ends_with("reef.") || stable(&now).ends_with("reef.\n"),
            "{form:?}: {}",
            stable(&now)
        );
        assert!(whole(&next).starts_with(&stable(&now)), "{form:?}");
    }
}

#[test]
fn a_part_that_comes_and_goes_ends_it() {
    let card = a_card(json!({}));
    let turns = a_short_chat();
    let book = a_book(json!([
        {"keys": [], "content": "The sea is old.", "constant": true, "enabled": true, "insertion_order": 1},
        {"keys": ["reef"], "content": "The reef is sharp.", "enabled": true, "insertion_order": 2},
    ]));
    let material = Material {
        lore: Some(&book),
        ..Material::new(&card, &turns)
    };
    let compiled = compile(&material, &settings(Form::Chat));
    assert!(whole(&compiled).contains("The reef is sharp."));
    assert!(!stable(&compiled).contains("The reef is sharp."));
    let noted = a_card(
        json!({"extensions": {"depth_prompt": {"prompt": "Rhyme.", "depth": 2, "role": "system"}}}),
    );
    let compiled = compile(&Material::new(&noted, &turns), &settings(Form::Chat));
    assert!(
        stable(&compiled).ends_with("Any ships?"),
        "{}",
        stable(&compiled)
    );
}

#[test]
fn a_history_that_slides_is_not_stable() {
    let card = a_card(json!({}));
    let turns = a_short_chat();
    let tight = Settings {
        window_tokens: 99,
        max_reply_tokens: 10,
        ..settings(Form::Chat)
    };
    let compiled = compile(&Material::new(&card, &turns), &tight);
    assert!(compiled.receipt.dropped_messages > 0);
    assert!(!stable(&compiled).contains("reef") && stable(&compiled).contains("lighthouse"));
}
