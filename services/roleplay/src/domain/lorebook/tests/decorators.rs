use serde_json::json;

use super::*;
use crate::domain::role::Role;

fn entry(content: &str) -> Entry {
    book(json!([{"keys": ["reef"], "content": content}]))
        .entries
        .remove(0)
}

#[test]
fn takes_decorators_off_and_follows_them() {
    let entry = entry("@@depth 2\n@@role assistant\n@@scan_depth 5\n@@nonsense 1\nBody\n@@depth 9");
    assert_eq!(entry.content, "Body\n@@depth 9");
    assert_eq!(
        entry.placement,
        Placement::Depth {
            depth: 2,
            role: Role::Assistant
        }
    );
    assert_eq!(entry.scan_depth, Some(5));
}

#[test]
fn position_beats_depth_and_the_first_of_a_name_wins() {
    let positioned = entry("@@depth 2\n@@position personality\nBody");
    assert_eq!(positioned.placement, Placement::AfterPersonality);
    assert_eq!(
        entry("@@scan_depth 5\n@@scan_depth 6\nBody").scan_depth,
        Some(5)
    );
}

#[test]
fn falls_back_only_where_the_line_above_is_not_followed() {
    let chain = entry("@@nonsense\n@@@moonshine\n@@@scan_depth 3\n@@@scan_depth 9\nBody");
    assert_eq!(chain.scan_depth, Some(3));
    let unused = entry("@@scan_depth 5\n@@@depth 1\nBody");
    assert_eq!(unused.placement, Placement::AfterCharacter);
    assert_eq!(unused.content, "Body");
    assert_eq!(
        entry("@@depth many\n@@@depth 1\nBody").decorators.depth,
        Some(1)
    );
}

#[test]
fn forces_and_suppresses() {
    let run = Try::of(
        json!([
            {"keys": ["x"], "content": "@@activate\na"},
            {"keys": ["reef"], "content": "@@dont_activate\nb"},
            {"keys": ["reef"], "content": "@@dont_activate\n@@activate\nc"},
            {"keys": ["x"], "content": "@@additional_keys reef, gull\nd"},
            {"keys": ["reef"], "content": "@@exclude_keys mind\ne"},
            {"keys": ["reef"], "content": "@@activate_only_after 5\nf"},
            {"keys": ["reef"], "content": "@@activate_only_every 2\ng"},
            {"keys": ["reef"], "content": "@@depth 1\n"}
        ]),
        &["mind the reef"],
    );
    let reasons = run.run().reasons;
    assert_eq!(reasons[0], Reason::Forced);
    assert_eq!(reasons[1], Reason::Suppressed);
    assert_eq!(reasons[2], Reason::Forced);
    assert_eq!(
        reasons[3],
        Reason::Key {
            key: "reef".into(),
            found: Found::Message(0)
        }
    );
    assert_eq!(reasons[4], Reason::Excluded { key: "mind".into() });
    assert_eq!(reasons[5], Reason::NotThisTurn);
    assert!(reasons[6].fired());
    assert_eq!(reasons[7], Reason::EmptyContent);
}
