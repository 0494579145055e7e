use serde_json::json;

use super::*;

#[test]
fn says_of_every_entry_why() {
    let run = Try::of(
        json!([
            {"constant": true},
            {"keys": ["reef"]},
            {"keys": ["reef"], "enabled": false},
            {"keys": ["storm"]},
            {"keys": ["reef"], "content": " "},
            {"keys": ["", " "]},
            {"keys": ["reef"], "secondary_keys": ["gull"], "selective": true},
            {"keys": ["reef"], "extensions": {"triggers": ["continue"]}},
            {"keys": ["reef"], "extensions": {"delay": 10}},
            {"keys": ["reef"], "extensions": {"position": 7}}
        ]),
        &["nothing here", "Mind the REEF!", "Yes."],
    );
    assert_eq!(
        run.run().reasons,
        [
            Reason::Constant,
            Reason::Key {
                key: "reef".into(),
                found: Found::Message(1)
            },
            Reason::Disabled,
            Reason::NoKeyMatched,
            Reason::EmptyContent,
            Reason::NoUsableKey,
            Reason::SecondaryNotMet { key: "reef".into() },
            Reason::OtherTrigger,
            Reason::TooEarly { needs_messages: 10 },
            Reason::NoPlace,
        ]
    );
}

#[test]
fn looks_no_deeper_than_the_entry_the_book_or_the_settings_say() {
    let chat = ["reef", "two", "one"];
    let mut run = Try::of(
        json!([{"keys": ["reef"]}, {"keys": ["reef"], "extensions": {"scan_depth": 3}}]),
        &chat,
    );
    assert_eq!(run.fired(), [1]);
    run.book.scan_depth = Some(3);
    assert_eq!(run.fired(), [1, 0]);
    run.book.scan_depth = None;
    run.settings.scan_depth = 0;
    assert_eq!(run.fired(), [1]);
}

#[test]
fn secondary_keys_follow_the_four_logics() {
    let entries = |logic: u8, selective: bool| {
        json!([{"keys": ["reef"], "secondary_keys": ["gull", "lamp"], "selective": selective,
            "extensions": {"selectiveLogic": logic}}])
    };
    let outcomes = |logic| {
        ["reef", "reef gull", "reef gull lamp"]
            .map(|chat| !fired(entries(logic, true), &[chat]).is_empty())
    };
    assert_eq!(outcomes(0), [false, true, true]);
    assert_eq!(outcomes(1), [true, true, false]);
    assert_eq!(outcomes(2), [true, false, false]);
    assert_eq!(outcomes(3), [false, false, true]);
    assert_eq!(fired(entries(3, false), &["reef"]), [0]);
}

#[test]
fn prompt_order_is_ascending_and_the_latest_of_equals_is_first() {
    let entries = json!([
        {"constant": true, "insertion_order": 250},
        {"constant": true, "insertion_order": 100},
        {"constant": true, "insertion_order": 100}
    ]);
    assert_eq!(fired(entries, &[]), [2, 1, 0]);
}

#[test]
fn budget_goes_by_order_and_stops_at_the_first_that_does_not_fit() {
    let mut run = Try::of(
        json!([
            {"constant": true, "insertion_order": 10},
            {"keys": ["reef"], "insertion_order": 500},
            {"keys": ["reef"], "insertion_order": 400},
            {"keys": ["reef"], "insertion_order": 5, "extensions": {"ignore_budget": true}}
        ]),
        &["reef"],
    );
    run.budget = 21;
    let activation = run.run();
    assert_eq!(activation.fired, [3, 2, 1]);
    assert_eq!(
        activation.reasons[0],
        Reason::OverBudget {
            tokens: 10,
            used: 20,
            budget: 21
        }
    );
    run.budget = 20;
    assert_eq!(run.fired(), [3, 1]);
}

#[test]
fn entries_find_one_another_where_recursion_is_on() {
    let mut run = Try::of(
        json!([
            {"keys": ["reef"], "content": "see the lamp"},
            {"keys": ["lamp"], "content": "oil"},
            {"keys": ["oil"], "extensions": {"exclude_recursion": true}},
            {"keys": ["reef"], "content": "gull", "extensions": {"prevent_recursion": true}},
            {"keys": ["gull"]}
        ]),
        &["reef"],
    );
    run.book.recursive_scanning = Some(false);
    assert_eq!(run.fired(), [3, 0]);
    run.book.recursive_scanning = None;
    run.settings.recursive_scanning = false;
    assert_eq!(run.fired(), [3, 0]);
    run.settings.recursive_scanning = true;
    let activation = run.run();
    assert_eq!(activation.fired, [1, 3, 0]);
    assert_eq!(
        activation.reasons[1],
        Reason::Key {
            key: "lamp".into(),
            found: Found::Entry(0)
        }
    );
    run.settings.max_recursion_steps = 1;
    assert_eq!(run.fired(), [3, 0]);
}

#[test]
fn delayed_levels_open_one_after_the_other() {
    let mut run = Try::of(
        json!([
            {"keys": ["reef"], "extensions": {"delay_until_recursion": 1}},
            {"keys": ["reef"], "extensions": {"delay_until_recursion": 2}}
        ]),
        &["reef"],
    );
    assert_eq!(run.fired(), [1, 0]);
    run.book.entries.pop();
    assert_eq!(run.run().reasons, [Reason::WaitsForRecursion]);
}

#[test]
fn a_group_elects_exactly_one() {
    let entries = json!([
        {"constant": true, "extensions": {"group": "weather", "group_weight": 1}},
        {"constant": true, "extensions": {"group": "weather, sky", "group_weight": 3}},
        {"constant": true}
    ]);
    let mut wins = [0; 2];
    for seed in 0..400 {
        let run = Try {
            seed,
            ..Try::of(entries.clone(), &[])
        };
        let fired = run.fired();
        assert_eq!(fired.len(), 2);
        wins[usize::from(fired.contains(&1))] += 1;
    }
    assert!((60..=140).contains(&wins[0]), "{wins:?}");
}

#[test]
fn an_overriding_entry_wins_its_group() {
    let entries = json!([
        {"constant": true, "insertion_order": 900, "extensions": {"group": "weather"}},
        {"constant": true, "insertion_order": 1, "extensions": {"group": "weather", "group_override": true}}
    ]);
    for seed in 0..20 {
        assert_eq!(
            Try {
                seed,
                ..Try::of(entries.clone(), &[])
            }
            .fired(),
            [1]
        );
    }
}

#[test]
fn chance_follows_the_probability_and_the_seed() {
    let entries = json!([
        {"constant": true, "extensions": {"probability": 30, "useProbability": true}},
        {"constant": true, "extensions": {"probability": 0}},
        {"constant": true, "extensions": {"probability": 0, "useProbability": false}}
    ]);
    let run = |seed| {
        Try {
            seed,
            ..Try::of(entries.clone(), &[])
        }
        .run()
    };
    let lucky = (0..1_000)
        .filter(|seed| run(*seed).fired.contains(&0))
        .count();
    assert!((220..=380).contains(&lucky), "{lucky}");
    assert!((0..100).all(|seed| !run(seed).fired.contains(&1) && run(seed).fired.contains(&2)));
    assert_eq!(run(5), run(5));
}

#[test]
fn looks_in_fields_that_an_entry_opts_into() {
    let mut run = Try::of(
        json!([{"keys": ["sailor"], "extensions": {"match_persona_description": true}}, {"keys": ["sailor"]}]),
        &["hello"],
    );
    run.texts.persona_description = "An old Sailor".into();
    let found = Found::Field("persona_description".into());
    assert_eq!(
        run.run().reasons[0],
        Reason::Key {
            key: "sailor".into(),
            found
        }
    );
    assert_eq!(run.fired(), [0]);
}
