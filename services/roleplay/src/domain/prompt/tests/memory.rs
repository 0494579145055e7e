use serde_json::json;

use super::*;

fn a_memory(id: &str, text: &str, score: f32) -> Recalled {
    Recalled {
        id: id.to_owned(),
        message_id: None,
        text: text.to_owned(),
        pinned: false,
        score: Some(score),
    }
}

fn pinned(id: &str, text: &str) -> Recalled {
    Recalled {
        pinned: true,
        score: None,
        ..a_memory(id, text, 0.0)
    }
}

/// A window with so many tokens beside the fixed parts, of which memories may take as many percent as are given.
fn window(free: u32, budget_percent: u32) -> Settings {
    let memory = MemorySettings {
        budget_percent,
        ..MemorySettings::default()
    };
    Settings {
        // System prompt, description, personality, scenario, chat start and cue, as `words` counts them.
        window_tokens: 3 + 10 + 23 + free,
        max_reply_tokens: 10,
        memory,
        ..settings(Form::Text)
    }
}

fn outcomes(receipt: &Receipt) -> Vec<(&str, &'static str)> {
    let memories = receipt.memory.memories.iter();
    memories
        .map(|memory| (memory.id.as_str(), memory.outcome.name()))
        .collect()
}

#[test]
fn tells_memories_before_the_history_in_the_order_in_which_they_were_made() {
    let card = a_card(json!({"mes_example": ""}));
    let chat = a_short_chat();
    let memories = [
        a_memory("a", "Mira: {{user}} lost a boat.", 0.5),
        pinned("b", "Ada is {{char}}'s sister."),
        a_memory("c", "Ada: It was red.", 0.9),
    ];
    let material = Material {
        memories: &memories,
        recall: Recall::Recalled,
        ..Material::new(&card, &chat)
    };
    assert_eq!(
        lines(&material)[4..9],
        [
            "system: [Past events, as they are remembered]",
            "system: Mira: User lost a boat.",
            "system: Ada is Wren's sister.",
            "system: Ada: It was red.",
            "system: [Start a new Chat]",
        ]
    );
    let receipt = compile(&material, &settings(Form::Chat)).receipt;
    let expected = [("a", "recalled"), ("b", "pinned"), ("c", "recalled")];
    assert_eq!(outcomes(&receipt), expected);
    assert_eq!(receipt.memory.recall, Recall::Recalled);
    let span = Source::Memory { id: "c".into() };
    assert!(
        receipt
            .spans
            .iter()
            .any(|s| s.source == span && s.tokens == 8)
    );
}

#[test]
fn says_nothing_of_memories_where_there_are_none() {
    let card = a_card(json!({}));
    let chat = a_short_chat();
    let text = prompt_text(&Material::new(&card, &chat));
    assert!(!text.contains("Past events"), "{text}");
}

#[test]
fn takes_the_nearest_within_the_budget_and_says_why_the_others_are_out() {
    let card = a_card(json!({"mes_example": ""}));
    let chat = a_short_chat();
    let memories = [
        a_memory("far", "one two", 0.1),
        a_memory("long", "one two three four five six", 0.7),
        a_memory("near", "one two three", 0.8),
        a_memory("nearest", "one two three", 0.9),
        a_memory("small", "one", 0.4),
    ];
    let material = Material {
        memories: &memories,
        ..Material::new(&card, &chat)
    };
    let mut settings = settings(Form::Text);
    settings.window_tokens = 400;
    settings.memory.budget_percent = 2;
    let receipt = compile(&material, &settings).receipt;
    assert_eq!(receipt.memory.budget_tokens, 8);
    assert_eq!(
        outcomes(&receipt),
        [
            ("far", "low_score"),
            ("long", "over_budget"),
            ("near", "recalled"),
            ("nearest", "recalled"),
            ("small", "recalled")
        ]
    );
    settings.memory.max_recalled = 1;
    let receipt = compile(&material, &settings).receipt;
    assert_eq!(outcomes(&receipt)[2], ("near", "over_count"));
}

#[test]
fn pinned_memories_outlast_the_budget_and_the_history_but_not_the_newest_message() {
    let card = a_card(json!({"mes_example": ""}));
    let chat = a_short_chat();
    let memories = [
        pinned("a", &"word ".repeat(10)),
        pinned("b", &"word ".repeat(9)),
    ];
    let material = Material {
        memories: &memories,
        ..Material::new(&card, &chat)
    };
    let said = |receipt: &Receipt| {
        let spans = receipt.spans.iter();
        spans.filter(|s| s.source.name() == "message").count()
    };
    let receipt = compile(&material, &settings(Form::Text)).receipt;
    assert_eq!(outcomes(&receipt), [("a", "pinned"), ("b", "pinned")]);
    let roomy = receipt.prompt_tokens;
    for (less, expected_said, expected) in [
        (0, 4, [("a", "pinned"), ("b", "pinned")]),
        (1, 3, [("a", "pinned"), ("b", "pinned")]),
        (14, 1, [("a", "pinned"), ("b", "no_room")]),
        (23, 1, [("a", "no_room"), ("b", "no_room")]),
    ] {
        let mut settings = settings(Form::Text);
        settings.max_reply_tokens = 10;
        settings.window_tokens = roomy + 10 - less;
        let receipt = compile(&material, &settings).receipt;
        assert_eq!(outcomes(&receipt), expected, "{less} fewer tokens");
        assert!(said(&receipt) >= expected_said, "{less} fewer tokens");
    }
}

#[test]
fn does_not_say_twice_what_the_history_says() {
    let card = a_card(json!({"mes_example": ""}));
    let chat = a_short_chat();
    let of_message = |id: &str| Recalled {
        message_id: Some(id.to_owned()),
        ..a_memory(id, "one two", 0.9)
    };
    let memories = ["0", "1", "2", "3"].map(of_message);
    let material = Material {
        memories: &memories,
        ..Material::new(&card, &chat)
    };
    let receipt = compile(&material, &settings(Form::Text)).receipt;
    assert!(
        receipt
            .memory
            .memories
            .iter()
            .all(|m| m.outcome == Outcome::InHistory)
    );
    assert!(
        receipt
            .spans
            .iter()
            .all(|s| s.source != Source::MemoryStart)
    );

    let mut narrow = window(19, 100);
    narrow.memory.max_recalled = 1;
    let receipt = compile(&material, &narrow).receipt;
    let expected = [
        ("0", "recalled"),
        ("1", "over_count"),
        ("2", "over_count"),
        ("3", "in_history"),
    ];
    assert_eq!(outcomes(&receipt)[3], expected[3], "{receipt:#?}");
    assert!(
        outcomes(&receipt)
            .iter()
            .any(|(_, outcome)| *outcome == "recalled"),
        "{:?}",
        outcomes(&receipt)
    );
}

#[test]
fn knows_which_messages_no_memory_can_displace() {
    let card = a_card(json!({"mes_example": ""}));
    let chat = a_short_chat();
    let mut settings = settings(Form::Text);
    settings.window_tokens = 400;
    let ids = |percent: u32| {
        let mut settings = settings.clone();
        settings.memory.budget_percent = percent;
        let receipt = compile(&Material::new(&card, &chat), &settings).receipt;
        let mut said: Vec<String> = receipt
            .surely_said()
            .into_iter()
            .map(str::to_owned)
            .collect();
        said.sort();
        said
    };
    assert_eq!(ids(0), ["0", "1", "2", "3"]);
    assert_eq!(ids(1), ["1", "2", "3"]);
    assert_eq!(ids(2), ["2", "3"]);
    assert!(ids(10).is_empty());
}
