//! Prompts of sessions with several characters.

use super::*;
use crate::domain::ids::LorebookId;
use crate::domain::lorebook::Lorebook;

fn mira() -> Card {
    a_card(json!({
        "name": "Mira Vale", "nickname": "Mira",
        "description": "{{char}} keeps the lamp. With her: {{notChar}}.",
        "scenario": "A storm is near.",
        "mes_example": "<START>\n{{char}}: Hush.",
        "system_prompt": "Be {{char}} among {{group}}.",
        "extensions": {"depth_prompt": {"prompt": "{{char}} is tired.", "depth": 1}},
    }))
}

fn tom() -> Card {
    a_card(json!({
        "name": "Tom", "description": "{{char}} mends nets.", "personality": "loud",
        "scenario": "A storm is near.", "mes_example": "{{char}}: Ho!",
        "extensions": {"depth_prompt": {"prompt": "{{char}} hums.", "depth": 1}},
    }))
}

/// Mira, and Tom who is muted; the first or the second speaks.
fn members<'a>(mira: &'a Card, tom: &'a Card, speaks: usize) -> Vec<GroupMember<'a>> {
    let member = |(at, card): (usize, &'a Card)| GroupMember {
        card,
        is_muted: at == 1,
        is_speaking: at == speaks,
        books: Vec::new(),
    };
    [mira, tom].into_iter().enumerate().map(member).collect()
}

fn group<'a>(members: &'a [GroupMember<'a>], cards: GroupCards) -> Group<'a> {
    Group {
        members,
        cards,
        nudge: None,
    }
}

#[test]
fn the_speakers_card_is_in_the_prompt_and_the_nudge_at_the_end() {
    let (mira, tom) = (mira(), tom());
    let members = members(&mira, &tom, 0);
    let mut chat = a_short_chat();
    chat[0].name = "Tom".into();
    let material = Material {
        group: Some(group(&members, GroupCards::Speaker)),
        post_history_instructions: "Brief.",
        ..Material::new(&mira, &chat)
    };
    let lines = lines(&material);
    let expected = [
        "system: Be Mira among Mira, Tom.",
        "system: Mira keeps the lamp. With her: Tom, User.",
        "system: Mira's personality: dry",
        "system: Scenario: A storm is near.",
        "system: [Example Chat]",
        "system example_assistant: Hush.",
        "system: [Start a new group chat. Group members: Mira, Tom]",
        "assistant: The lamp is lit.",
        "user: Any ships?",
        "assistant: One.",
        "system: Mira is tired.",
        "user: Tell me of the reef.",
        "system: [Write the next reply only as Mira.]",
        "system: Brief.",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn cards_are_joined_as_the_settings_say() {
    let (mira, tom) = (mira(), tom());
    let chat = a_short_chat();
    let lines = |speaks: usize, cards: GroupCards| {
        let members = members(&mira, &tom, speaks);
        let card = [&mira, &tom][speaks];
        lines(&Material {
            group: Some(group(&members, cards)),
            ..Material::new(card, &chat)
        })
    };
    let of_mira = "system: Mira keeps the lamp. With her: Tom, User.";
    let of_tom = "system: Tom mends nets.";
    let has = |lines: &[String], line: &str| lines.iter().filter(|it| *it == line).count();
    // Tom is muted: his card is there only where he speaks, or all are.
    let joined = lines(0, GroupCards::Joined);
    assert_eq!((has(&joined, of_mira), has(&joined, of_tom)), (1, 0));
    for joined in [
        lines(0, GroupCards::JoinedWithMuted),
        lines(1, GroupCards::Joined),
    ] {
        assert_eq!(
            (
                has(&joined, of_tom),
                has(&joined, "system: Tom's personality: loud")
            ),
            (1, 1)
        );
        // Of the scenario that both have there is one.
        assert_eq!(has(&joined, "system: Scenario: A storm is near."), 1);
        for said in [
            "system example_assistant: Hush.",
            "system example_assistant: Ho!",
        ] {
            assert_eq!(has(&joined, said), 1, "{joined:?}");
        }
        let notes = joined
            .iter()
            .filter(|it| it.contains("Mira is tired.\nTom hums."));
        assert_eq!(notes.count(), 1, "{joined:?}");
    }
    let all = lines(1, GroupCards::JoinedWithMuted);
    let place = |line: &str| all.iter().position(|it| it == line).unwrap();
    let with_tom = "system: Mira keeps the lamp. With her: Tom, User.";
    assert!(place(with_tom) < place(of_tom), "{all:?}");
    let swapped = lines(1, GroupCards::Speaker);
    assert_eq!((has(&swapped, of_mira), has(&swapped, of_tom)), (0, 1));
}

#[test]
fn a_scenario_of_the_session_is_there_once() {
    let (mira, tom) = (mira(), tom());
    let members = members(&mira, &tom, 0);
    let material = Material {
        group: Some(group(&members, GroupCards::JoinedWithMuted)),
        scenario: Some("The sea is calm for {{char}}."),
        ..Material::new(&mira, &[])
    };
    let lines = lines(&material);
    let scenarios = lines.iter().filter(|it| it.starts_with("system: Scenario"));
    let scenarios: Vec<_> = scenarios.collect();
    assert_eq!(scenarios, ["system: Scenario: The sea is calm for Mira."]);
}

#[test]
fn the_nudge_can_be_changed_and_left_out() {
    let (mira, tom) = (mira(), tom());
    let members = members(&mira, &tom, 1);
    let prompt = |nudge, kind| {
        let material = Material {
            group: Some(Group {
                nudge,
                ..group(&members, GroupCards::Speaker)
            }),
            kind,
            ..Material::new(&tom, &[])
        };
        lines(&material)
    };
    let last = |nudge, kind| prompt(nudge, kind).pop().unwrap();
    assert_eq!(last(Some("Now {{char}}."), Kind::Reply), "system: Now Tom.");
    let none = prompt(Some(" "), Kind::Reply).join("\n");
    assert!(!none.contains("Write the next reply only"), "{none}");
    let as_person = last(None, Kind::Impersonate);
    assert!(
        as_person.contains("Leave Mira, Tom out of it"),
        "{as_person}"
    );
}

#[test]
fn a_reply_ends_where_anybody_else_begins_to_speak() {
    let (mira, tom) = (mira(), tom());
    let members = members(&mira, &tom, 0);
    let mut chat = a_short_chat();
    chat[1].name = "Ada".into();
    chat[2].name = "Wren".into();
    let material = Material {
        group: Some(group(&members, GroupCards::Speaker)),
        ..Material::new(&mira, &chat)
    };
    let stops = |kind, form| {
        let material = Material {
            kind,
            ..material.clone()
        };
        match compile(&material, &settings(form)).prompt {
            Prompt::Text { stop, .. } | Prompt::Chat { stop, .. } => stop,
        }
    };
    let expected = ["\nUser:", "\nWren:", "\nAda:", "\nTom:"];
    assert_eq!(stops(Kind::Reply, Form::Text), expected);
    assert_eq!(stops(Kind::Reply, Form::Chat), expected);
    let as_person = ["\nMira:", "\nWren:", "\nAda:", "\nTom:"];
    assert_eq!(stops(Kind::Impersonate, Form::Text), as_person);
    let text = prompt_text(&material);
    assert!(text.ends_with("\nMira:"), "{text}");
    assert!(text.contains("Wren: One.\n"), "{text}");
    // Between two, roles say enough.
    let alone = Material::new(&mira, &chat);
    let Prompt::Chat { stop, .. } = compile(&alone, &settings(Form::Chat)).prompt else {
        panic!("not a chat")
    };
    assert_eq!(stop, [""; 0]);
}

#[test]
fn very_many_names_leave_room_for_the_stop_texts_of_people() {
    let (mira, tom) = (mira(), tom());
    let members = members(&mira, &tom, 0);
    let speak = |n: usize| Turn {
        id: n.to_string().into(),
        role: Role::User,
        name: format!("P{n}").into(),
        text: "Hm.".into(),
    };
    let chat: Vec<Turn<'_>> = (0..40).map(speak).collect();
    let material = Material {
        group: Some(group(&members, GroupCards::Speaker)),
        ..Material::new(&mira, &chat)
    };
    let Prompt::Text { stop, .. } = compile(&material, &settings(Form::Text)).prompt else {
        panic!("not a text")
    };
    assert_eq!(stop.len(), 16);
    assert_eq!(stop[1], "\nP39:");
}

#[test]
fn in_the_lorebook_of_a_character_its_own_name_stands() {
    let (mira, tom) = (mira(), tom());
    let book = |content: &str| {
        let entries = json!([{"keys": [], "constant": true, "content": content}]);
        Lorebook::from_json(&json!({ "entries": entries })).unwrap()
    };
    let [of_mira, of_tom, of_both] = [(); 3].map(|()| LorebookId::new());
    let books = vec![
        (of_mira, book("{{char}} has a key: {{description}}")),
        (of_tom, book("{{char}} has a boat.")),
        (of_both, book("{{char}} is watched.")),
    ];
    let settings = Settings::default();
    let merged = Lorebook::merged(books, &settings.lore).unwrap();
    let lore = Matcher::new(merged, &settings.lore);
    let mut members = members(&mira, &tom, 0);
    members[0].books = vec![of_mira, of_both];
    members[1].books = vec![of_tom, of_both];
    let mut prompt = |speaks: usize| {
        members[0].is_speaking = speaks == 0;
        members[1].is_speaking = speaks == 1;
        let material = Material {
            group: Some(group(&members, GroupCards::Speaker)),
            lore: Some(&lore),
            ..Material::new([&mira, &tom][speaks], &[])
        };
        lines(&material).join("\n")
    };
    let first = prompt(0);
    for said in [
        "Mira has a key: Mira keeps",
        "Tom has a boat.",
        "Mira is watched.",
    ] {
        assert!(first.contains(said), "{said}: {first}");
    }
    let second = prompt(1);
    for said in [
        "Mira has a key: Mira keeps",
        "Tom has a boat.",
        "Tom is watched.",
    ] {
        assert!(second.contains(said), "{said}: {second}");
    }
}
