use serde_json::json;

use super::*;

fn matches(entry: Value, chat: &'static str) -> bool {
    !fired(json!([entry]), &[chat]).is_empty()
}

#[test]
fn case_counts_only_where_it_is_set() {
    assert!(matches(json!({"keys": ["REEF"]}), "the reef"));
    assert!(matches(json!({"keys": ["ÄRGER"]}), "viel ärger"));
    assert!(!matches(
        json!({"keys": ["REEF"], "case_sensitive": true}),
        "the reef"
    ));
    assert!(matches(
        json!({"keys": ["REEF"], "extensions": {"case_sensitive": true}}),
        "the REEF"
    ));
}

#[test]
fn whole_words_are_bounded_by_what_is_not_an_ascii_word_character() {
    let whole = |key: &str| json!({"keys": [key], "extensions": {"match_whole_words": true}});
    assert!(!matches(whole("reef"), "reefs"));
    assert!(!matches(whole("reef"), "a_reef"));
    assert!(matches(whole("reef"), "(reef)"));
    assert!(matches(whole("caf"), "café"));
    assert!(matches(whole("海"), "大海原"));
    assert!(matches(whole("black reef"), "blackest black reefs"));
    assert!(matches(whole("reef"), "reefs and reef"));
}

#[test]
fn a_pattern_between_slashes_ignores_case_settings() {
    assert!(matches(json!({"keys": ["/re+f/"]}), "a reef"));
    assert!(!matches(json!({"keys": ["/re+f/"]}), "a REEF"));
    assert!(matches(json!({"keys": ["/re+f/i"]}), "a REEF"));
    assert!(matches(
        json!({"keys": [r"/\x01{{user}}:[^\x01]*?reef/"]}),
        "a reef"
    ));
    assert!(!matches(json!({"keys": ["/^a/"]}), "a reef"));
}

#[test]
fn a_pattern_may_hold_or_name_any_character() {
    assert!(matches(json!({"keys": ["/ÜBER.?wald/i"]}), "im überéwald"));
    assert!(matches(json!({"keys": [r"/\u00fcber/"]}), "über"));
    assert!(matches(json!({"keys": [r"/\p{Han}+原/"]}), "大海原"));
    assert!(matches(json!({"keys": [r"/\bcaf\b/"]}), "café"));
    assert!(!matches(json!({"keys": ["/\\xfc/"]}), "u"));
}

#[test]
fn what_is_no_valid_pattern_is_plain_text() {
    assert!(matches(json!({"keys": ["/(/"]}), "odd /(/ key"));
    assert!(matches(json!({"keys": ["/a/b/"]}), "path /a/b/ here"));
}

#[test]
fn strict_patterns_that_are_invalid_never_match() {
    let strict = |key: &str| json!({"keys": [key], "use_regex": true});
    assert!(matches(strict("re+f"), "a REEF"));
    assert!(!matches(strict("(reef"), "(reef"));
    assert!(!matches(strict("/(/"), "/(/"));
    assert!(!matches(strict("(?=reef"), "(?=reef"));
}

#[test]
fn strict_patterns_make_other_conditions_void_unless_silly_tavern_wrote_them() {
    let mut entry = json!({"keys": ["storm"], "constant": true, "use_regex": true});
    assert!(!matches(entry.clone(), "calm"));
    entry["extensions"] = json!({"display_index": 0});
    assert!(matches(entry, "calm"));
    let secondary =
        json!({"keys": ["reef"], "secondary_keys": ["gull"], "selective": true, "use_regex": true});
    assert!(matches(secondary, "reef"));
    assert!(matches(
        json!({"keys": [], "constant": true, "use_regex": true}),
        "calm"
    ));
}

#[test]
fn a_key_spans_no_two_messages() {
    assert_eq!(
        fired(json!([{"keys": ["black reef"]}]), &["black", "reef"]),
        [0; 0]
    );
    assert_eq!(
        fired(json!([{"keys": ["ada: black"]}]), &["black", "reef"]),
        [0]
    );
}

#[test]
fn huge_patterns_do_not_compile() {
    assert!(!matches(
        json!({"keys": ["(a{1000}){1000}"], "use_regex": true}),
        "aaaa"
    ));
    assert!(!matches(
        json!({"keys": ["a".repeat(3_000)], "use_regex": true}),
        "aaaa"
    ));
}

#[test]
fn patterns_of_a_book_share_its_memory_and_plain_keys_need_none() {
    // Some 100 KB each, so each counts as 256 KiB.
    let mut entries: Vec<_> = (0..70)
        .map(|number| json!({"keys": [format!("/rock|(abcd){{{}}}/", 900 + number)]}))
        .collect();
    entries.push(json!({"keys": ["rock"]}));
    let fired = fired(json!(entries), &["a rock"]);
    assert_eq!(fired.len(), 64 + 1);
    assert!(fired.contains(&70), "{fired:?}");
}
