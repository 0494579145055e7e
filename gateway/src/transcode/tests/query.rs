use serde_json::json;

use super::fixture;

fn get(query: &str) -> serde_json::Value {
    let target = format!("/v1/get?{query}");
    fixture()
        .request("GET", &target, "")
        .unwrap_or_else(|fault| panic!("{query}: {fault:?}"))
}

fn refused(query: &str) -> (String, String) {
    fixture().fault("GET", &format!("/v1/get?{query}"), "")
}

#[test]
fn names_are_dotted_paths_in_either_spelling() {
    assert_eq!(get("snake_case=a"), json!({"snakeCase": "a"}));
    assert_eq!(
        get("snakeCase=a&otherName=b"),
        json!({"snakeCase": "a", "otherName": "b"})
    );
    let nested = get("child.str=a&child.number=3&child.child.str=b");
    assert_eq!(
        nested,
        json!({"child": {"str": "a", "number": 3, "child": {"str": "b"}}})
    );
}

#[test]
fn lists_repeat_their_name() {
    let query = "numbers=1&numbers=2&strings=a&strings=&shades=SHADE_DARK&shades=2&times=1970-01-01T00:00:00Z";
    let expected = json!({
        "numbers": [1, 2], "strings": ["a", ""], "shades": ["SHADE_DARK", "SHADE_LIGHT"],
        "times": ["1970-01-01T00:00:00Z"],
    });
    assert_eq!(get(query), expected);
}

#[test]
fn refuses_a_single_field_given_twice() {
    assert_eq!(refused("str=a&str=a").0, "str");
    assert_eq!(refused("snake_case=a&snakeCase=b").0, "snakeCase");
    assert_eq!(refused("child.str=a&child.str=b").0, "child.str");
    assert_eq!(
        refused("wrappedString=a&wrapped_string=b").0,
        "wrapped_string"
    );
}

#[test]
fn refuses_two_members_of_a_oneof() {
    assert_eq!(refused("word=a&figure=1").0, "figure");
    assert_eq!(refused("kid.str=a&word=b").0, "word");
    assert_eq!(
        get("kid.str=a&kid.number=1"),
        json!({"kid": {"str": "a", "number": 1}})
    );
}

#[test]
fn refuses_what_a_query_can_not_hold() {
    for name in [
        "children",
        "children.str",
        "labels",
        "labels.a",
        "child",
        "any",
        "struct",
        "value",
        "list",
        "retry",
    ] {
        assert_eq!(refused(&format!("{name}=x")).0, name);
    }
}

#[test]
fn an_unknown_value_of_an_enum_is_told_those_that_there_are() {
    let expected = "must be one of SHADE_DARK, SHADE_LIGHT";
    for value in ["DARK", "shade_dark", "", "1.5x"] {
        assert_eq!(refused(&format!("enum={value}")).1, expected);
    }
    let it = fixture();
    let enum_of = |text: &str| it.refused(&format!(r#"{{"enum": {text}}}"#)).1;
    for text in ["\"DARK\"", "true"] {
        assert_eq!(enum_of(text), expected);
    }
    assert_eq!(it.refused(r#"{"shades": ["DARK"]}"#).1, expected);
}

#[test]
fn refuses_unknown_names() {
    for name in [
        "nope",
        "child.nope",
        "str.nope",
        "",
        ".",
        "child.",
        "time.seconds.x",
    ] {
        let (path, reason) = refused(&format!("{name}=x"));
        assert_eq!(path, name);
        assert!(!reason.is_empty());
    }
}

#[test]
fn plus_is_a_space_and_escapes_are_undone() {
    assert_eq!(get("str=a+b%2Bc%26%3D%C3%A9"), json!({"str": "a b+c&=é"}));
    assert_eq!(get("%73tr=a"), json!({"str": "a"}));
    assert_eq!(get("str"), json!({}));
    assert_eq!(get("&&str=a&"), json!({"str": "a"}));
    assert_eq!(get("str=a=b"), json!({"str": "a=b"}));
    for value in ["%zz", "%", "%4", "%ff"] {
        assert_eq!(refused(&format!("str={value}")).0, "str", "{value}");
    }
    refused("%zz=1");
}

#[test]
fn values_are_of_their_kind() {
    let query = "int64=9007199254740993&uint32=7&bool=true&double=NaN&float=-Infinity&enum=SHADE_LIGHT&bytes=-_-_AQ\
        &duration=3.000000001s&time=2026-01-01T00:00:00%2B01:00&mask=a,b.cD&maybe=0";
    let expected = json!({
        "int64": "9007199254740993", "uint32": 7, "bool": true, "double": "NaN", "float": "-Infinity",
        "enum": "SHADE_LIGHT", "bytes": "+/+/AQ==", "duration": "3.000000001s",
        "time": "2025-12-31T23:00:00Z", "mask": "a,b.cD", "maybe": 0,
    });
    assert_eq!(get(query), expected);
    assert_eq!(get("enum=2"), json!({"enum": "SHADE_LIGHT"}));
    for pair in [
        "int32=5.5",
        "int32=",
        "bool=1",
        "bool=TRUE",
        "enum=DARK",
        "bytes=!",
        "time=now",
        "duration=1",
    ] {
        assert_eq!(refused(pair).0, pair.split('=').next().unwrap());
    }
}

#[test]
fn wrappers_take_the_bare_value_and_are_there_even_if_empty() {
    assert_eq!(
        get("wrappedString=&wrappedInt64=0"),
        json!({"wrappedString": "", "wrappedInt64": "0"})
    );
    assert_eq!(get("wrapped_bool=false"), json!({"wrappedBool": false}));
    assert_eq!(refused("wrappedInt64=").0, "wrappedInt64");
}

#[test]
fn refuses_queries_beyond_bounds() {
    let pairs = |count: usize| vec!["numbers=1"; count].join("&");
    assert_eq!(get(&pairs(256))["numbers"].as_array().unwrap().len(), 256);
    assert!(refused(&pairs(257)).1.contains("256"));
    assert!(
        refused(&format!("str={}", "a".repeat(17_000)))
            .1
            .contains("longer")
    );
    let deep = |names: usize| format!("{}str=a", "child.".repeat(names));
    assert!(refused(&deep(64)).1.contains("64"));
    assert!(
        fixture()
            .request("GET", &format!("/v1/get?{}", deep(20)), "")
            .is_ok()
    );
}
