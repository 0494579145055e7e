//! Several characters, some of whose cards others may not read.

use super::*;
use crate::domain::ids::LorebookId;
use crate::domain::lorebook::Lorebook;
use crate::domain::scenario::Note;
use crate::domain::veils::{Veil, Veils};

/// Mira is hidden from people, from the scenario's author, and from Tom's owner.
fn veils() -> Veils {
    let of_mira = |scenario| Veil {
        cards: vec![true, false],
        scenario,
    };
    Veils {
        people: of_mira(false),
        scenario: of_mira(false),
        cards: vec![Veil::default(), of_mira(true)],
    }
}

fn cards() -> [Card; 2] {
    let card = |name: &str| {
        a_card(json!({
            "name": name,
            "description": format!("{name} knows {name}-secret."),
            "personality": format!("{name}-calm"),
            "mes_example": "{{char}}: Ho.\nAda: Hush.",
            "extensions": {"depth_prompt": {"prompt": "[{{scenario}}]", "depth": 1}},
        }))
    };
    ["Mira", "Tom"].map(card)
}

fn members<'a>(
    cards: &'a [Card; 2],
    books: &[Vec<LorebookId>; 2],
    speaks: usize,
) -> Vec<GroupMember<'a>> {
    let member = |(place, card): (usize, &'a Card)| GroupMember {
        card,
        is_muted: false,
        is_speaking: place == speaks,
        books: books[place].clone(),
    };
    cards.iter().enumerate().map(member).collect()
}

fn group<'a>(members: &'a [GroupMember<'a>]) -> Group<'a> {
    Group {
        members,
        cards: GroupCards::Joined,
        nudge: Some("Now {{char}}: {{description}}"),
    }
}

fn all_lines(veils: Veils, speaks: usize) -> Vec<String> {
    let cards = cards();
    let members = members(&cards, &Default::default(), speaks);
    let notes = [Note {
        text: "Author: {{personality}}".to_owned(),
        depth: 0,
        role: Role::System,
    }];
    let material = Material {
        group: Some(group(&members)),
        persona: Persona {
            name: "Ada",
            description: "Persona: {{personality}}",
        },
        scenario: Some("The premise."),
        notes: &notes,
        veils,
        ..Material::new(&cards[speaks], &[])
    };
    let settings = Settings {
        merge_system_messages: false,
        personality_format: "{{char}}: {{personality}} of {{description}}".to_owned(),
        ..settings(Form::Chat)
    };
    let Prompt::Chat { messages, .. } = compile(&material, &settings).prompt else {
        panic!("not a chat")
    };
    messages.into_iter().map(|it| it.content).collect()
}

#[test]
fn each_card_is_veiled_by_itself_whoever_speaks() {
    for speaks in [0, 1] {
        let lines = all_lines(veils(), speaks);
        let count = |text: &str| lines.iter().filter(|it| it.contains(text)).count();
        // The model reads all of both.
        assert_eq!(count("Mira knows Mira-secret."), 1, "{lines:?}");
        assert!(
            lines.contains(&"Mira: Mira-calm of".to_owned()),
            "{lines:?}"
        );
        let toms = "Tom: Tom-calm of Tom knows Tom-secret.".to_owned();
        assert!(lines.contains(&toms), "{lines:?}");
        assert_eq!(count("Scenario: The premise."), 1);
        // Tom's owner may not read the premise, and Mira's may.
        assert!(
            lines
                .iter()
                .any(|it| it.contains("[The premise.]\n[A storm is near.]")),
            "{lines:?}"
        );
        let told = match speaks {
            0 => ["Author:", "Persona:", "Now Mira:"],
            _ => [
                "Author: Tom-calm",
                "Persona: Tom-calm",
                "Now Tom: Tom knows Tom-secret.",
            ],
        };
        let said = |line: &str| {
            lines
                .iter()
                .flat_map(|it| it.lines())
                .any(|it| it.trim() == line)
        };
        for line in told {
            assert!(said(line), "{line}: {lines:?}");
        }
        // Names that people try part only what they may read.
        let parted = |name: &str| lines.iter().filter(|it| *it == name).count();
        assert_eq!(
            (parted("Ho.\nAda: Hush."), parted("Ho."), parted("Hush.")),
            (1, 1, 1)
        );
    }
    let shown = all_lines(Veils::default(), 0);
    for line in [
        "Author: Mira-calm",
        "Persona: Mira-calm",
        "Now Mira: Mira knows Mira-secret.",
    ] {
        assert!(
            shown.iter().flat_map(|it| it.lines()).any(|it| it == line),
            "{line}: {shown:?}"
        );
    }
}

/// Which entries of the lorebooks of Mira, of Tom and of the scenario fire: two of each.
fn fired(veils: Veils, speaks: usize) -> Vec<usize> {
    let cards = cards();
    let entry = |key: &str| {
        json!({"keys": [key], "content": "x", "extensions": {
            "match_character_description": true, "match_scenario": true, "group": key,
        }})
    };
    let always = |content: &str| json!({"keys": [], "constant": true, "content": content});
    let ids = [(); 3].map(|()| LorebookId::new());
    let entries = [
        json!([always("A gull of Mira."), entry("storm")]),
        json!([entry("gull"), entry("knows")]),
        json!([entry("gull"), entry("knows")]),
    ];
    let books = ids.iter().zip(entries).map(|(id, entries)| {
        (
            *id,
            Lorebook::from_json(&json!({ "entries": entries })).unwrap(),
        )
    });
    let settings = settings(Form::Chat);
    let merged = Lorebook::merged(books.collect(), &settings.lore).unwrap();
    let lore = Matcher::new(merged, &settings.lore).brought_from(4);
    let members = members(&cards, &[vec![ids[0]], vec![ids[1]]], speaks);
    let material = Material {
        group: Some(group(&members)),
        lore: Some(&lore),
        scenario: Some("A storm."),
        veils,
        ..Material::new(&cards[speaks], &[])
    };
    let receipt = compile(&material, &settings).receipt;
    let lore = receipt.lore.iter().enumerate();
    let fired = lore.filter(|(_, trace)| trace.reason.fired());
    fired.map(|(place, _)| place).collect()
}

#[test]
fn keys_of_each_writer_are_looked_for_in_what_that_writer_may_read() {
    // Mira's text and Mira's entry are nothing to Tom's keys, nor to the scenario's.
    assert_eq!(fired(veils(), 0), [0, 1]);
    // In Tom's they are found, where he speaks; each writer's group is their own.
    assert_eq!(fired(veils(), 1), [0, 1, 3, 5]);
    // Where nothing is hidden, all see all, and a group is one.
    assert_eq!(fired(Veils::default(), 0).len(), 4);
}
