//! Patterns mean here what they mean in JavaScript.

use serde_json::json;

use super::*;

fn matches(pattern: &str, text: &'static str) -> bool {
    let activation = Try::of(json!([{"keys": [pattern]}]), &[text]).run();
    assert!(
        !matches!(activation.reasons[0], Reason::PatternFailed { .. }),
        "{pattern}: {:?}",
        activation.reasons
    );
    activation.reasons[0].fired()
}

fn problem(entry: Value, text: &'static str) -> Option<Problem> {
    match Try::of(json!([entry]), &[text]).run().reasons.remove(0) {
        Reason::PatternFailed { problem, .. } => Some(problem),
        _ => None,
    }
}

#[test]
fn a_dot_or_a_negated_class_takes_a_character_of_any_length() {
    for (pattern, text) in [
        ("/witch.s brew/i", "The Witch’s brew"),
        ("/se.or/", "buenos días, señor"),
        ("/fa[^x]ade/", "a façade"),
        (r"/caf\Ws?$/", "café"),
        ("/(.)-(.)/", "海-原"),
        ("/^.*<[^>]{1,2}>/s", "a <🐙> b"),
        (r"/x\Dy\Sz/", "xéy—z"),
    ] {
        assert!(matches(pattern, text), "{pattern}");
    }
    assert!(!matches("/a..b/", "aéb"));
    assert!(!matches("/a.b/", "a\nb"));
    assert!(!matches("/a.b/", "a\u{2028}b"));
    assert!(matches("/a.b/s", "a\nb"));
    assert!(matches("/a[^]b/", "a\nb"));
    assert!(!matches("/a[]b/", "ab"));
}

#[test]
fn classes_and_boundaries_are_ascii_and_blanks_are_not() {
    assert!(matches(r"/\bna\b/", "naïve"));
    assert!(!matches(r"/^\w+$/s", "naïve"));
    assert!(!matches(r"/\d/", "٣"));
    assert!(matches(r"/a\sb/", "a\u{3000}b"));
    assert!(matches(r"/a[\s.]b/", "a\u{feff}b"));
    assert!(!matches(r"/a\Sb/", "a\u{a0}b"));
}

#[test]
fn escapes_that_mean_nothing_are_the_character() {
    for (pattern, text) in [
        (r#"/Ada\'s \"inn\"/"#, "Ada's \"inn\""),
        (r"/1\,000\%\ \-\_\é/", "1,000% -_é"),
        (r"/\a\A\z\Z\e\h\Q/", "aAzZehQ"),
        (r"/\<b\>/", "<b>"),
        (r"/a\/b/", "a/b"),
        (r"/\x41\u00e9\u{1F419}\ud83d\udc19/u", "Aé🐙🐙"),
        (r"/\cA\t\0\101/", "\u{1}\t\0A"),
    ] {
        // The mark before a message is U+0001 too.
        assert!(matches(pattern, text), "{pattern}");
    }
}

#[test]
fn brackets_and_braces_that_close_nothing_are_text() {
    for (pattern, text) in [
        ("/a{b}/", "a{b}"),
        ("/x{,3}/", "x{,3}"),
        ("/{\"k\"/", "{\"k\""),
        ("/a]b}/", "a]b}"),
        (r"/^.*[[(]x[)\]]/s", "(x]"),
        ("/[a&&b]{2}/", "&&"),
        ("/[a~~b]{2}/", "~~"),
        (r"/[\w-.]{3}/", "-.-"),
        ("/[-a]-[a-]/", "a--"),
        ("/[#-&]+x/", "$x"),
    ] {
        assert!(matches(pattern, text), "{pattern}");
    }
}

#[test]
fn looks_around() {
    assert!(matches(r"/\bstorm(?= of the)/i", "the Storm of the year"));
    assert!(!matches(r"/storm(?! of)/", "a storm of"));
    assert!(matches("/(?<!un)tied/", "he untied her, tied him"));
    assert!(!matches("/(?<!un)tied/", "untied"));
    assert!(matches("/(?<![а-яё])кот(?:а|у)?(?![а-яё])/i", "Вижу Кота."));
    assert!(!matches("/(?<![а-яё])кот(?:а|у)?(?![а-яё])/i", "который"));
    assert!(matches(r"/(?<=né|née) \w+/", "née Holt"));
    assert!(matches(r"/(?=.*gull)(?=.*reef)/", "reef and gull"));
    assert!(!matches(r"/(?=.*gull)(?=.*reef)/", "reef"));
    assert!(matches(r"/^.*\B-\B(?!x)/s", "--"));
}

#[test]
fn looks_around_in_all_ways_that_are_in_use() {
    for (pattern, text, other) in [
        (
            r"/(?<=\b(?:the|an old) )dragon/",
            "an old dragon",
            "bathe dragon",
        ),
        (r"/(?<!\bnot\s+|\bnever )happy/", "knot happy", "not  happy"),
        (r"/(?<=(?:a|bc)d)x/", "bcdx", "bdx"),
        (r"/(?<!\w)art(?!\w)/i", "his Art!", "heart, arts"),
        (r"/\b(?!the\b)\w+ queen\b/", "old queen", "the queen"),
        (r"/<(?:(?!>)[^])*red[^>]*>/", "<a red hat>", "<a> red <b>"),
        (
            r"/^(?=[^]*\bred\b)(?=[^]*\bhat\b)/",
            "a hat, red",
            "a hatred",
        ),
        (r"/(?<=\s|^|:)Ada(?=[\s,.!?]|$)/", "Ada, hi", "Adaline"),
        (r"/(?<=[\u4e00-\u9fff])龙(?![虾])/", "神龙", "神龙虾"),
        (
            r"/(['\x22])[^'\x22]*storm[^'\x22]*\1/",
            "'a storm'",
            "'a storm\"",
        ),
        (r"/(?<!(?:un|dis)\w{0,3})tied/", "tied", "untied"),
    ] {
        assert!(matches(pattern, text), "{pattern}");
        assert!(!matches(pattern, other), "{pattern}");
    }
}

#[test]
fn refers_back() {
    assert!(matches(r"/\b(\w+) \1\b/i", "so Very very cold"));
    assert!(!matches(r"/\b(\w+) \1\b/", "so very cold"));
    assert!(matches(r"/(?<q>['\x22]).*?\k<q>/", "she says 'no'"));
    assert!(matches(r"/(?<a>x)(y)\2\1/", "xyyx"));
    // In JavaScript a group that took no part matches nothing, wherever it stands.
    assert!(matches(r"/(a)?b\1c/", "bc"));
    assert!(!matches(r"/(a)b\1c/", "abc"));
    assert!(matches(r"/\1(x)y/", "xy"));
    assert!(matches(r"/(?:x)\2\101/", "x\u{2}A"));
}

#[test]
fn flags_and_what_has_no_flags_of_javascript_are_told_apart() {
    assert!(matches("/reef/gimsuy", "REEF"));
    assert!(matches("/reef$/m", "reef\nb"));
    assert!(!matches("/reef$/", "reef\nb"));
    assert!(matches(r"/[\p{L}\d]x/v", "éx"));
    for text in ["/reef/ii", "/reef/x", "/reef/uv", "/usr/bin", "/reef/g i"] {
        let key: &'static str = text;
        assert!(matches(key, key), "{text} is a text");
        assert!(!matches(key, "the reef"), "{text} is no pattern");
    }
}

#[test]
fn says_of_a_pattern_that_it_is_none() {
    for pattern in [
        "/(reef/",
        "/reef)/",
        "/[reef/",
        "/*reef/",
        "/ree++f/",
        "/reef\\/",
        "/(?>reef)/",
        r"/\k<b>(?<a>x)/",
        "/[z-a]/",
    ] {
        let found = problem(json!({"keys": [pattern]}), "calm");
        assert_eq!(found, Some(Problem::Invalid), "{pattern}");
    }
    let strict = json!({"keys": ["(reef"], "use_regex": true, "constant": true});
    assert_eq!(problem(strict, "(reef"), Some(Problem::Invalid));
    let among_others = json!({"keys": ["/(reef/", "gull"]});
    assert_eq!(
        problem(among_others.clone(), "calm"),
        Some(Problem::Invalid)
    );
    assert_eq!(problem(among_others, "gull"), None);
}

#[test]
fn says_of_a_pattern_that_it_is_too_large_or_beyond_us() {
    let large = json!({"keys": ["/(a{1000}){1000}/"]});
    assert_eq!(problem(large, "aaa"), Some(Problem::TooLarge));
    let long = json!({"keys": [format!("/{}/", "a".repeat(3_000))]});
    assert_eq!(problem(long, "aaa"), Some(Problem::TooLarge));
    let many_looks = json!({"keys": [format!("/{}x/", "(?=x)".repeat(40))]});
    assert_eq!(problem(many_looks, "x"), Some(Problem::TooLarge));
    let repeated = json!({"keys": ["/(?<=(?:(?:a{99}){99}){99})b/"]});
    assert_eq!(problem(repeated, "ab"), Some(Problem::TooLarge));
    let look = json!({"keys": [r"/(?<=(?:the|an old)\b )dragon/"]});
    assert_eq!(problem(look, "the dragon"), Some(Problem::Unsupported));
    for sets in [r"/[\p{L}--[a-z]]/v", "/[[a-z]&&[aeiou]]/v", "/[\\w--b]/v"] {
        let sets = json!({"keys": [sets]});
        assert_eq!(problem(sets, "a"), Some(Problem::Unsupported));
    }
    let halves = json!({"keys": [r"/[\ud800-\udbff]/"]});
    assert_eq!(problem(halves, "🐙"), Some(Problem::Unsupported));
}

#[test]
fn gives_up_a_pattern_that_goes_back_too_often() {
    let slow = json!({"keys": [r"/(a+)+\1!/", "ox"]});
    let text: &'static str = Box::leak(format!("{}x", "a".repeat(2_000)).into_boxed_str());
    let ox: &'static str = Box::leak(format!("{text}, an ox").into_boxed_str());
    assert_eq!(problem(slow, text), Some(Problem::OutOfSteps));
    let quick = json!({"keys": [r"/(a+)+\1!/", "ox"]});
    assert_eq!(problem(quick, ox), None);
}

#[test]
fn many_slow_patterns_of_a_book_cost_no_more_than_a_few() {
    let slow = |number: usize| json!({"keys": [format!("/(?<=q)z+{number}/")]});
    let entries: Vec<Value> = (0..150).map(slow).collect();
    let text: &'static str = Box::leak("a1 ".repeat(6_000).into_boxed_str());
    let activation = Try::of(json!(entries), &[text]).run();
    let given_up = |reason: &&Reason| {
        let problem = Problem::OutOfSteps;
        matches!(reason, Reason::PatternFailed { problem: it, .. } if *it == problem)
    };
    assert!(activation.reasons.iter().filter(given_up).count() > 100);
}

#[test]
fn secondary_keys_may_look_around_too() {
    let entry = json!({"keys": ["reef"], "secondary_keys": ["/(?<!sea)gull/"], "selective": true});
    assert!(!fired(json!([entry.clone()]), &["reef and gull"]).is_empty());
    assert!(fired(json!([entry]), &["reef and seagull"]).is_empty());
}

#[test]
fn a_book_of_constant_patterns_is_scanned_like_any_other() {
    let entries = json!([
        {"keys": ["gull\\w*"], "use_regex": true, "constant": true},
        {"keys": ["/storm/"], "use_regex": true, "constant": true},
    ]);
    assert_eq!(fired(entries, &["the gulls"]), [0]);
}

#[test]
fn who_looks_behind_for_any_length_reads_little_of_a_long_text() {
    let long: &'static str = "a".repeat(20_000).leak();
    for pattern in ["/(?<=a+)b/", "/(?<=(a+)+)b/"] {
        assert_eq!(
            problem(json!({"keys": [pattern]}), long),
            Some(Problem::OutOfSteps)
        );
        assert!(matches(pattern, "aab"), "{pattern}");
    }
    // One of few characters is looked for further back.
    let far: &'static str = format!("{} the dragon", "a".repeat(4_000)).leak();
    assert!(matches("/(?<=the |an old )dragon/", far));
    assert!(matches("/(?<=a{1,9} the )dragon/", far));
}
