use serde_json::json;

use super::*;

/// Every text costs ten tokens.
fn tens(_: &str) -> u32 {
    10
}

fn text_settings(window_tokens: u32) -> Settings {
    Settings {
        window_tokens,
        max_reply_tokens: 100,
        ..settings(Form::Text)
    }
}

/// Ids of the messages and blocks of the examples that are sent.
fn sent(material: &Material<'_>, settings: &Settings) -> (Vec<String>, usize) {
    let receipt = Draft::new(material, settings, 1)
        .unwrap()
        .fit(tens)
        .unwrap()
        .receipt;
    let of = |name: &str| {
        receipt
            .spans
            .iter()
            .filter(|span| span.source.name() == name)
            .filter_map(|span| span.source.id())
            .collect::<Vec<_>>()
    };
    assert!(receipt.prompt_tokens + 100 <= settings.window_tokens);
    assert_eq!(
        receipt.dropped_messages,
        material.history.len() - of("message").len()
    );
    assert_eq!(receipt.dropped_examples, 2 - of("example_start").len());
    (of("message"), of("example_start").len())
}

#[test]
fn drops_examples_first_and_then_the_oldest_messages() {
    let card = a_card(json!({}));
    let chat = a_short_chat();
    let material = Material::new(&card, &chat);
    // System prompt, description, personality, scenario, chat start and cue are 60 tokens.
    let window = |free: u32| text_settings(100 + 3 + 60 + free);
    assert_eq!(
        sent(&material, &window(80)),
        (vec!["0".into(), "1".into(), "2".into(), "3".into()], 2)
    );
    assert_eq!(sent(&material, &window(79)).1, 1);
    assert_eq!(sent(&material, &window(59)).1, 0);
    assert_eq!(
        sent(&material, &window(39)),
        (vec!["1".into(), "2".into(), "3".into()], 0)
    );
    assert_eq!(sent(&material, &window(10)), (vec!["3".into()], 0));
}

#[test]
fn pinned_examples_outlast_history() {
    let card = a_card(json!({}));
    let chat = a_short_chat();
    let settings = Settings {
        pin_examples: true,
        ..text_settings(100 + 3 + 60 + 50)
    };
    let (messages, examples) = sent(&Material::new(&card, &chat), &settings);
    assert_eq!((messages, examples), (vec!["3".into()], 2));
}

#[test]
fn names_the_largest_parts_when_the_fixed_ones_do_not_fit() {
    let card = a_card(json!({"description": "word ".repeat(500), "scenario": "word ".repeat(90)}));
    let chat = a_short_chat();
    let settings = text_settings(300);
    let error = Draft::new(&Material::new(&card, &chat), &settings, 1)
        .unwrap()
        .fit(words)
        .unwrap_err();
    let FitError::TooLarge {
        available_tokens,
        biggest,
        ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(*available_tokens, 197);
    assert_eq!(
        biggest[..2],
        [("description".into(), 500), ("scenario".into(), 91)]
    );
    assert!(
        error
            .to_string()
            .contains("shorten description (500), scenario (91)"),
        "{error}"
    );
}

#[test]
fn refuses_a_reply_that_fills_the_window() {
    let card = a_card(json!({}));
    let settings = Settings {
        window_tokens: 300,
        max_reply_tokens: 299,
        ..Settings::default()
    };
    let error = Draft::new(&Material::new(&card, &[]), &settings, 1)
        .unwrap()
        .fit(words)
        .unwrap_err();
    assert_eq!(
        error,
        FitError::NoRoom {
            max_reply_tokens: 299,
            window_tokens: 300
        }
    );
}

#[test]
fn lore_keeps_to_its_share_of_the_window_and_to_the_books_own_budget() {
    let card = a_card(json!({}));
    let entry = |order: u32| json!({"constant": true, "content": "x", "insertion_order": order});
    let entries: Vec<_> = (0..30).map(entry).collect();
    let mut book = json!({ "entries": entries });
    let chat = a_short_chat();
    let fired = |book: &serde_json::Value| {
        let lore = crate::domain::lorebook::Lorebook::from_json(book).unwrap();
        let matcher = Matcher::new(lore, &Settings::default().lore);
        let material = Material {
            lore: Some(&matcher),
            ..Material::new(&card, &chat)
        };
        let receipt = Draft::new(&material, &text_settings(800), 1)
            .unwrap()
            .fit(tens)
            .unwrap()
            .receipt;
        receipt
            .lore
            .iter()
            .filter(|trace| trace.reason.fired())
            .count()
    };
    assert_eq!(fired(&book), 19);
    book["token_budget"] = json!(50);
    assert_eq!(fired(&book), 4);
}

#[test]
fn asks_only_for_the_tokens_of_what_could_be_sent() {
    let card = a_card(json!({}));
    let long: &'static str = Box::leak("x".repeat(1_000).into_boxed_str());
    let chat = a_chat(&[(Role::User, long); 100]);
    let book =
        a_book(json!([{"keys": ["/xx/"], "content": "near"}, {"keys": ["zz"], "content": "far"}]));
    let material = Material {
        lore: Some(&book),
        ..Material::new(&card, &chat)
    };
    let settings = text_settings(500);
    let draft = Draft::new(&material, &settings, 1).unwrap();
    let texts = draft.texts();
    assert!(texts.contains(&"near\n") && !texts.contains(&"far\n"));
    assert_eq!(texts.iter().filter(|text| text.contains("xxx")).count(), 7);
    let asked = std::cell::RefCell::new(Vec::new());
    draft
        .fit(|text| {
            asked.borrow_mut().push(text.to_owned());
            words(text)
        })
        .unwrap();
    assert!(
        asked
            .borrow()
            .iter()
            .all(|text| texts.contains(&text.as_str()))
    );
}
