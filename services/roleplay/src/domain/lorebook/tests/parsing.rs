use serde_json::json;

use super::*;
use crate::domain::role::Role;

#[test]
fn reads_what_silly_tavern_writes() {
    let book = book(json!([{
        "id": 7, "keys": ["a"], "comment": "A", "use_regex": true, "position": "after_char",
        "insertion_order": 42,
        "extensions": {"position": 4, "depth": 1, "role": 2, "selectiveLogic": 3, "probability": 50,
            "useProbability": true, "group": "g, h", "group_weight": 7, "scan_depth": null,
            "case_sensitive": null, "match_whole_words": true, "sticky": 2, "cooldown": 0,
            "delay_until_recursion": true, "prevent_recursion": true}
    }]));
    let entry = &book.entries[0];
    assert_eq!((entry.id.as_deref(), entry.title()), (Some("7"), "A"));
    assert!(!entry.strict_regex);
    assert_eq!(
        entry.placement,
        Placement::Depth {
            depth: 1,
            role: Role::Assistant
        }
    );
    assert_eq!(entry.logic, SelectiveLogic::AndAll);
    assert_eq!((entry.probability, entry.insertion_order), (50.0, 42));
    assert_eq!(
        (entry.groups.clone(), entry.group_weight),
        (vec!["g".into(), "h".into()], 7)
    );
    assert_eq!(
        (
            entry.scan_depth,
            entry.case_sensitive,
            entry.match_whole_words
        ),
        (None, None, Some(true))
    );
    assert_eq!(
        entry.timed,
        TimedEffects {
            sticky: Some(2),
            cooldown: None,
            delay: None
        }
    );
    assert_eq!(
        (entry.delay_until_recursion, entry.prevent_recursion),
        (Some(1), true)
    );
}

#[test]
fn reads_what_others_write() {
    let odd = json!({"scan_depth": "5", "token_budget": 0, "entries": {
        "0": {"keys": "a, b", "content": "x", "insertion_order": "3", "constant": 1},
        "1": "no entry",
        "2": {"keys": null, "content": null}
    }});
    let book = Lorebook::from_json(&odd).unwrap();
    assert_eq!(
        (book.scan_depth, book.token_budget, book.entries.len()),
        (Some(5), None, 2)
    );
    assert_eq!(book.entries[0].keys, ["a", "b"]);
    assert_eq!(
        (book.entries[0].insertion_order, book.entries[0].constant),
        (3, true)
    );
    assert_eq!(book.entries[1].content, "");
}

#[test]
fn a_position_may_be_a_number_where_cards_have_a_word() {
    let depth = |depth| Placement::Depth {
        depth,
        role: Role::System,
    };
    for (fields, placement) in [
        (json!({"position": 0}), Placement::BeforeCharacter),
        (json!({"position": "0"}), Placement::BeforeCharacter),
        (json!({"position": 4, "depth": 2}), depth(2)),
        (json!({"position": 4, "depth": -1}), depth(4)),
        (
            json!({"position": 0, "extensions": {"position": 1}}),
            Placement::AfterCharacter,
        ),
        (
            json!({"position": "before_char", "extensions": null}),
            Placement::BeforeCharacter,
        ),
        (json!({"position": 99}), Placement::AfterCharacter),
        (json!({"position": ""}), Placement::AfterCharacter),
    ] {
        let entry = &book(json!([fields])).entries[0];
        assert_eq!(entry.placement, placement, "{fields}");
    }
}

#[test]
fn numbers_that_make_no_sense_are_not_set() {
    let entry = json!({"keys": ["a"], "insertion_order": "x", "priority": null, "scan_depth": -3,
        "extensions": {"depth": -1, "position": 4, "probability": "70", "selectiveLogic": "2", "role": "1",
            "sticky": -2, "group_weight": -5, "scan_depth": "-1"}});
    let read = &book(json!([entry])).entries[0];
    assert_eq!(
        (read.insertion_order, read.priority, read.scan_depth),
        (100, None, None)
    );
    assert_eq!(
        (read.logic, read.group_weight, read.timed.sticky),
        (SelectiveLogic::NotAny, 100, None)
    );
    assert!((read.probability - 70.0).abs() < 0.01);
    let depth = Placement::Depth {
        depth: 4,
        role: Role::User,
    };
    assert_eq!(read.placement, depth);
}
