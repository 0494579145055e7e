//! Who writes a text decides what its macros stand for, and where its keys are looked for.

use super::*;
use crate::domain::macros::Filled;
use crate::domain::role::Role;
use crate::domain::scenario::Note;
use crate::domain::veils::{Veil, Veils};

const PROBE: &str = "[{{description}}{{personality}}{{charFirstMessage}}|{{scenario}}|{{getvar::hull}}|{{blank::town}}]";

fn veil(card: bool, scenario: bool) -> Veil {
    let cards = vec![card];
    Veil { cards, scenario }
}

fn from_people(card: bool, scenario: bool) -> Veils {
    Veils {
        people: veil(card, scenario),
        ..Veils::default()
    }
}

fn card_from_scenario() -> Veils {
    Veils {
        scenario: veil(true, false),
        ..Veils::default()
    }
}

fn scenario_from_card() -> Veils {
    Veils {
        cards: vec![veil(false, true)],
        ..Veils::default()
    }
}

fn filled() -> Filled {
    let pair = |name: &str, text: &str| [(name.to_owned(), text.to_owned())].into();
    Filled {
        blanks: pair("town", "Varn"),
        variables: pair("hull", "12"),
    }
}

/// The texts of a prompt whose card, persona, premise and note all say [`PROBE`] in their own way.
fn texts(veils: Veils) -> Vec<(String, String)> {
    let card = a_card(json!({
        "description": "keeper",
        "personality": "dry",
        "system_prompt": PROBE,
    }));
    let (filled, history) = (filled(), a_short_chat());
    let notes = [Note {
        text: PROBE.to_owned(),
        depth: 0,
        role: Role::System,
    }];
    let material = Material {
        persona: Persona {
            name: "Ada",
            description: PROBE,
        },
        scenario: Some("The premise."),
        notes: &notes,
        filled: Some(&filled),
        veils,
        ..Material::new(&card, &history)
    };
    let settings = settings(Form::Text);
    let compiled = compile(&material, &settings);
    let Prompt::Text { prompt, .. } = compiled.prompt else {
        panic!("a text was asked for")
    };
    let spans = compiled.receipt.spans.iter();
    let texts = spans.map(|span| {
        let text = &prompt[span.position..span.position + span.size_bytes];
        (span.source.name().to_owned(), text.trim().to_owned())
    });
    texts.collect()
}

fn text_of(texts: &[(String, String)], source: &str) -> String {
    let found = texts.iter().find(|(name, _)| name == source);
    found.map(|(_, text)| text.clone()).unwrap_or_default()
}

#[test]
fn macros_stand_for_what_the_writer_may_read() {
    let all = "[keeperdryThe lamp is lit.|The premise.|12|Varn]";
    let shown = texts(Veils::default());
    for source in ["persona", "system_prompt", "author_note"] {
        assert_eq!(text_of(&shown, source), all, "{source}");
    }

    let of_people = texts(from_people(true, true));
    let blank = "[||{{getvar::hull}}|Varn]";
    assert_eq!(text_of(&of_people, "persona"), blank);
    assert_eq!(text_of(&of_people, "author_note"), all);
    assert_eq!(text_of(&of_people, "description"), "keeper");
    assert!(text_of(&of_people, "scenario").contains("The premise."));

    let of_scenario = texts(card_from_scenario());
    assert_eq!(
        text_of(&of_scenario, "author_note"),
        "[|The premise.|12|Varn]"
    );
    assert_eq!(text_of(&of_scenario, "system_prompt"), all);

    let of_card = texts(scenario_from_card());
    assert_eq!(
        text_of(&of_card, "system_prompt"),
        "[keeperdryThe lamp is lit.|A storm is near.|{{getvar::hull}}|Varn]"
    );
    assert_eq!(text_of(&of_card, "author_note"), all);
}

#[test]
fn what_others_name_keeps_within_what_its_own_writer_may_read() {
    let card = a_card(json!({"description": "keeper", "system_prompt": "{{persona}}"}));
    let history = a_short_chat();
    let material = Material {
        persona: Persona {
            name: "Ada",
            // It comes to what looks like a macro.
            description: "{{random:{,{}}{description}}",
        },
        veils: from_people(true, false),
        ..Material::new(&card, &history)
    };
    let Prompt::Text { prompt, .. } = compile(&material, &settings(Form::Text)).prompt else {
        panic!("a text was asked for")
    };
    assert_eq!(prompt.matches("keeper").count(), 1, "{prompt}");
    assert_eq!(prompt.matches("{{description}}").count(), 2, "{prompt}");
}

/// Which of the entries fire; those from the first that the scenario brings on have another writer.
fn fired(entries: Value, brought_from: usize, veils: Veils) -> Vec<usize> {
    let card = a_card(json!({"description": "It keeps a lighthouse for Ada."}));
    let history = a_chat(&[(Role::Assistant, "The lamp is lit.")]);
    let lore = a_book(entries).brought_from(brought_from);
    let material = Material {
        persona: Persona {
            name: "Ada",
            description: "",
        },
        scenario: Some("A storm drowns the lighthouse."),
        lore: Some(&lore),
        veils,
        ..Material::new(&card, &history)
    };
    let receipt = compile(&material, &settings(Form::Chat)).receipt;
    let lore = receipt.lore.iter().enumerate();
    let fired = lore.filter(|(_, trace)| trace.reason.fired());
    fired.map(|(place, _)| place).collect()
}

#[test]
fn keys_are_looked_for_in_what_their_writer_may_read() {
    let entry = |key: &str, extensions: Value| json!({"keys": [key], "content": "x", "extensions": extensions});
    let sources = json!({"match_character_description": true, "match_scenario": true});
    let entries = json!([
        {"keys": [], "constant": true, "content": "The sailor is near."},
        entry("drowns", sources.clone()),
        entry("keeps", sources.clone()),
        {"keys": [], "constant": true, "content": "The thief is near."},
        entry("keeps", sources.clone()),
        entry("drowns", sources),
        entry("sailor", json!({})),
        entry("thief", json!({})),
    ]);
    let all = fired(entries.clone(), 3, Veils::default());
    assert_eq!(all, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(
        fired(entries.clone(), 3, card_from_scenario()),
        [0, 1, 2, 3, 5, 7]
    );
    assert_eq!(
        fired(entries, 3, scenario_from_card()),
        [0, 2, 3, 4, 5, 6, 7]
    );
}

#[test]
fn keys_with_macros_are_looked_for_in_messages_alone_where_something_is_hidden() {
    let entries = json!([
        {"keys": ["{{user}}"], "content": "x", "extensions": {"match_character_description": true}},
        {"keys": [], "constant": true, "content": "Ada is here."},
        {"keys": ["{{user}}"], "content": "x"},
    ]);
    assert_eq!(fired(entries.clone(), 3, Veils::default()), [0, 1, 2]);
    let veils = from_people(true, false);
    assert_eq!(fired(entries, 3, veils), [1]);
}

#[test]
fn groups_of_two_writers_are_two_where_one_may_not_read_the_other() {
    let entry = json!({"keys": [], "constant": true, "content": "x", "extensions": {"group": "a"}});
    let entries = json!([entry.clone(), entry]);
    assert_eq!(fired(entries.clone(), 1, Veils::default()).len(), 1);
    let veils = card_from_scenario();
    assert_eq!(fired(entries, 1, veils), [0, 1]);
}

#[test]
fn names_that_somebody_tries_do_not_part_examples_that_are_hidden() {
    let card =
        a_card(json!({"mes_example": "<START>\n{{user}}: Cold?\nQuentin: No.\n{{char}}: Yes."}));
    let history = a_short_chat();
    let lines = |name, veils: &Veils| {
        let material = Material {
            persona: Persona {
                name,
                description: "",
            },
            veils: veils.clone(),
            ..Material::new(&card, &history)
        };
        let receipt = compile(&material, &settings(Form::Chat)).receipt;
        let spans = receipt.spans.iter();
        spans
            .filter(|span| matches!(span.source, Source::Example { .. }))
            .count()
    };
    let veils = from_people(true, false);
    assert_eq!((lines("Ada", &veils), lines("Quentin", &veils)), (2, 2));
    assert_eq!(lines("Quentin", &Veils::default()), 3);
}
