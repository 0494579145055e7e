use serde_json::json;

use super::fixture;

#[test]
fn integers_never_pass_through_floats() {
    let it = fixture();
    for text in [
        "9007199254740993",
        "\"9007199254740993\"",
        "9007199254740993.0",
    ] {
        let body = format!(r#"{{"int64": {text}, "fixed64": {text}}}"#);
        let expected = json!({"int64": "9007199254740993", "fixed64": "9007199254740993"});
        assert_eq!(it.echo(&body), expected);
    }
    let extremes = r#"{"int64": -9223372036854775808, "uint64": 18446744073709551615, "sint64": "-9223372036854775808"}"#;
    assert_eq!(
        it.echo(extremes),
        json!({"int64": "-9223372036854775808", "uint64": "18446744073709551615", "sint64": "-9223372036854775808"})
    );
}

#[test]
fn whole_numbers_are_integers_however_they_are_written() {
    let it = fixture();
    for text in [
        "1e3",
        "1000.0",
        "1000",
        "\"1e3\"",
        "10.00e2",
        "100000e-2",
        "1E+3",
    ] {
        assert_eq!(
            it.echo(&format!(r#"{{"int32": {text}}}"#)),
            json!({"int32": 1000}),
            "{text}"
        );
    }
    assert_eq!(
        it.echo(r#"{"int32": -0, "sint32": -7, "sfixed32": -8}"#),
        json!({"sint32": -7, "sfixed32": -8})
    );
    assert_eq!(it.echo(r#"{"int32": 0e99999999999999999999}"#), json!({}));
}

#[test]
fn refuses_numbers_that_are_no_integers_of_the_kind() {
    let it = fixture();
    for (field, text) in [
        ("int32", "5.5"),
        ("int32", "2147483648"),
        ("int32", "-2147483649"),
        ("uint32", "-1"),
        ("uint32", "4294967296"),
        ("int64", "9223372036854775808"),
        ("uint64", "18446744073709551616"),
        ("int64", "1e19"),
        ("int64", "1e999999999999999999999"),
        ("int32", "1e-1"),
        ("int32", "\"\""),
        ("int32", "\" 1\""),
        ("int32", "\"1 \""),
        ("int32", "\"0x1\""),
        ("int32", "\"+1\""),
        ("int32", "true"),
        ("int32", "[1]"),
        ("int32", "{}"),
        ("fixed32", "-1"),
        ("sfixed64", "9223372036854775808"),
    ] {
        let (path, _) = it.refused(&format!(r#"{{"{field}": {text}}}"#));
        assert_eq!(path, field, "{text}");
    }
}

#[test]
fn reals_know_what_json_has_no_number_for() {
    let it = fixture();
    let body = r#"{"double": "NaN", "float": "-Infinity"}"#;
    assert_eq!(
        it.echo(body),
        json!({"double": "NaN", "float": "-Infinity"})
    );
    assert_eq!(
        it.echo(r#"{"double": "1.5e10", "float": -0.25}"#),
        json!({"double": 1.5e10, "float": -0.25})
    );
    for text in [
        "1e400",
        "\"1e400\"",
        "\"nan\"",
        "\"inf\"",
        "NaN",
        "Infinity",
        "\"\"",
        "null1",
    ] {
        it.refused(&format!(r#"{{"double": {text}}}"#));
    }
    assert_eq!(it.refused(r#"{"float": 1e39}"#).0, "float");
}

#[test]
fn enums_are_names_or_numbers_and_unknown_numbers_stay() {
    let it = fixture();
    assert_eq!(
        it.echo(r#"{"enum": "SHADE_DARK"}"#),
        json!({"enum": "SHADE_DARK"})
    );
    assert_eq!(it.echo(r#"{"enum": 2}"#), json!({"enum": "SHADE_LIGHT"}));
    assert_eq!(
        it.echo(r#"{"enum": 77, "shades": ["SHADE_LIGHT", 9]}"#),
        json!({"enum": 77, "shades": ["SHADE_LIGHT", 9]})
    );
    for text in [
        "\"SHADE_BLUE\"",
        "\"shade_dark\"",
        "1.5",
        "true",
        "2147483648",
    ] {
        assert_eq!(it.refused(&format!(r#"{{"enum": {text}}}"#)).0, "enum");
    }
}

#[test]
fn null_is_absence_except_for_values() {
    let it = fixture();
    let all = r#"{"int32": null, "str": null, "child": null, "numbers": null, "labels": null, "time": null,
        "wrappedInt64": null, "word": null, "figure": 7, "enum": null, "any": null, "maybe": null}"#;
    assert_eq!(it.echo(all), json!({"figure": 7}));
    assert_eq!(it.echo(r#"{"value": null}"#), json!({"value": null}));
    assert_eq!(
        it.echo(r#"{"values": [null, 1]}"#),
        json!({"values": [null, 1.0]})
    );
    assert_eq!(it.echo(r#"{"null": null}"#), json!({}));
}

#[test]
fn refuses_null_inside_lists_and_maps() {
    let it = fixture();
    assert_eq!(it.refused(r#"{"strings": ["a", null]}"#).0, "strings[1]");
    assert_eq!(it.refused(r#"{"children": [null]}"#).0, "children[0]");
    assert_eq!(it.refused(r#"{"numbers": [null]}"#).0, "numbers[0]");
    assert_eq!(it.refused(r#"{"labels": {"a": null}}"#).0, "labels[a]");
}

#[test]
fn both_spellings_of_a_name_are_known() {
    let it = fixture();
    assert_eq!(
        it.echo(r#"{"snakeCase": "a", "otherName": "b"}"#),
        json!({"snakeCase": "a", "otherName": "b"})
    );
    assert_eq!(
        it.echo(r#"{"snake_case": "a", "renamed": "b"}"#),
        json!({"snakeCase": "a", "otherName": "b"})
    );
}

#[test]
fn refuses_a_name_given_twice_in_either_spelling() {
    let it = fixture();
    assert_eq!(
        it.refused(r#"{"str": "a", "str": "a"}"#),
        ("str".into(), "is given twice".into())
    );
    assert_eq!(
        it.refused(r#"{"snakeCase": "a", "snake_case": "a"}"#).0,
        "snake_case"
    );
    assert_eq!(it.refused(r#"{"str": null, "str": "a"}"#).0, "str");
    assert_eq!(
        it.refused(r#"{"wrappedBool": true, "str": "", "wrapped_bool": true}"#)
            .0,
        "wrapped_bool"
    );
    assert_eq!(
        it.refused(r#"{"labels": {"a": "1", "a": "2"}}"#).0,
        "labels[a]"
    );
    assert_eq!(it.refused(r#"{"struct": {"a": 1, "a": 2}}"#).0, "struct.a");
    assert_eq!(
        it.refused(r#"{"child": {"str": "", "str": ""}}"#).0,
        "child.str"
    );
}

#[test]
fn refuses_two_members_of_a_oneof() {
    let it = fixture();
    let (path, reason) = it.refused(r#"{"word": "a", "figure": 1}"#);
    assert_eq!((path.as_str(), reason.contains("oneof")), ("figure", true));
    assert_eq!(it.echo(r#"{"word": ""}"#), json!({"word": ""}));
}

#[test]
fn refuses_unknown_members_by_name() {
    let it = fixture();
    assert_eq!(
        it.refused(r#"{"child": {"nope": 1}}"#),
        ("child.nope".into(), "is not a field of the message".into())
    );
    assert_eq!(
        it.refused(r#"{"child": {"child": {"children": [{}]}}}"#).0,
        "child.child.children"
    );
    assert_eq!(
        it.refused(r#"{"children": [{}, {"x": 1}]}"#).0,
        "children[1].x"
    );
}

#[test]
fn bytes_are_base64_of_any_kind() {
    let it = fixture();
    for text in ["+/+/AQ==", "-_-_AQ==", "-_-_AQ", "+/+/AQ"] {
        assert_eq!(
            it.echo(&format!(r#"{{"bytes": "{text}"}}"#)),
            json!({"bytes": "+/+/AQ=="})
        );
    }
    assert_eq!(it.echo(r#"{"bytes": "-_"}"#), json!({"bytes": "+w=="}));
    assert_eq!(it.refused(r#"{"bytes": "a"}"#).0, "bytes");
    assert_eq!(it.refused(r#"{"bytes": "a b="}"#).0, "bytes");
}

#[test]
fn timestamps_are_rfc_3339_with_any_offset() {
    let it = fixture();
    for (text, expected) in [
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("2026-02-28T23:30:00.5-01:30", "2026-03-01T01:00:00.500Z"),
        (
            "2024-02-29T00:00:00.000000001Z",
            "2024-02-29T00:00:00.000000001Z",
        ),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        (
            "9999-12-31T23:59:59.999999999Z",
            "9999-12-31T23:59:59.999999999Z",
        ),
        ("1969-12-31T23:59:59.25+00:00", "1969-12-31T23:59:59.250Z"),
    ] {
        assert_eq!(
            it.echo(&format!(r#"{{"time": "{text}"}}"#)),
            json!({"time": expected})
        );
    }
    for text in [
        "0000-12-31T23:59:59Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2025-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01 00:00:00Z",
        "2026-01-01t00:00:00z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01T00:00:00+1:00",
        "",
    ] {
        assert_eq!(
            it.refused(&format!(r#"{{"time": "{text}"}}"#)).0,
            "time",
            "{text}"
        );
    }
}

#[test]
fn durations_are_seconds_with_nine_decimals() {
    let it = fixture();
    for (text, expected) in [
        ("0s", "0s"),
        ("-0.5s", "-0.500s"),
        ("3.000000001s", "3.000000001s"),
        ("315576000000s", "315576000000s"),
        ("-315576000000s", "-315576000000s"),
    ] {
        assert_eq!(
            it.echo(&format!(r#"{{"duration": "{text}"}}"#)),
            json!({"duration": expected})
        );
    }
    for text in [
        "1",
        "s",
        "1.s",
        ".5s",
        "1.0000000001s",
        "315576000001s",
        "315576000000.1s",
        "+1s",
        "1 s",
        "1S",
    ] {
        assert_eq!(
            it.refused(&format!(r#"{{"duration": "{text}"}}"#)).0,
            "duration",
            "{text}"
        );
    }
    assert_eq!(it.refused(r#"{"duration": 1}"#).0, "duration");
}

#[test]
fn masks_are_lower_camel_paths() {
    let it = fixture();
    assert_eq!(
        it.echo(r#"{"mask": "str,child.snakeCase"}"#),
        json!({"mask": "str,child.snakeCase"})
    );
    assert_eq!(it.echo(r#"{"mask": ""}"#), json!({"mask": ""}));
    for text in ["snake_case", "a,,b", "A", "a b", "a.", ","] {
        assert_eq!(
            it.refused(&format!(r#"{{"mask": "{text}"}}"#)).0,
            "mask",
            "{text}"
        );
    }
}

#[test]
fn any_carries_its_type_wherever_it_stands() {
    let it = fixture();
    let url = "type.googleapis.com/echo.v1.Child";
    for body in [
        format!(r#"{{"any": {{"@type": "{url}", "str": "a"}}}}"#),
        format!(r#"{{"any": {{"str": "a", "@type": "{url}"}}}}"#),
    ] {
        assert_eq!(it.echo(&body), json!({"any": {"@type": url, "str": "a"}}));
    }
    let duration = json!({"any": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1.500s"}});
    assert_eq!(it.echo(&duration.to_string()), duration);
    let nested = json!({"any": {"@type": "x/google.protobuf.Any", "value": {"@type": "x/echo.v1.Child", "number": 3}}});
    assert_eq!(it.echo(&nested.to_string()), nested);
    for any in [
        r#"{"str": "a"}"#,
        r#"{"@type": "x/no.Such"}"#,
        r#"{"@type": "echo.v1.Child"}"#,
        r#"{"@type": "x/echo.v1.Child", "@type": "x/echo.v1.Child"}"#,
        r#"{"@type": "x/echo.v1.Child", "nope": 1}"#,
        r#"{"@type": "x/google.protobuf.Duration"}"#,
        r#"{"@type": "x/google.protobuf.Duration", "value": "1s", "more": 1}"#,
        r#"{"@type": 5}"#,
    ] {
        assert!(
            it.refused(&format!(r#"{{"any": {any}}}"#))
                .0
                .starts_with("any"),
            "{any}"
        );
    }
}

#[test]
fn dynamic_values_keep_their_shape() {
    let it = fixture();
    let body = json!({
        "struct": {"a": [1.0, "x", null, true, {"b": {}}], "c": "d"},
        "list": [[], {}, -2.5],
        "value": {"deep": [{"er": 1.0}]},
    });
    assert_eq!(it.echo(&body.to_string()), body);
    assert_eq!(it.refused(r#"{"struct": []}"#).0, "struct");
    assert_eq!(it.refused(r#"{"list": {}}"#).0, "list");
}

#[test]
fn wrappers_take_the_bare_value() {
    let it = fixture();
    let body = r#"{"wrappedInt64": "0", "wrappedString": "", "wrappedBool": false}"#;
    assert_eq!(
        it.echo(body),
        json!({"wrappedInt64": "0", "wrappedString": "", "wrappedBool": false})
    );
    assert_eq!(
        it.refused(r#"{"wrappedInt64": {"value": 1}}"#).0,
        "wrappedInt64"
    );
}

#[test]
fn maps_have_keys_of_their_kind() {
    let it = fixture();
    let body = json!({"byNumber": {"-5": {"str": "a"}}, "byFlag": {"true": "SHADE_DARK"}, "labels": {"": "x", "\"": "y"}});
    assert_eq!(it.echo(&body.to_string()), body);
    assert_eq!(it.refused(r#"{"byNumber": {"x": {}}}"#).0, "byNumber[x]");
    assert_eq!(it.refused(r#"{"byFlag": {"1": 0}}"#).0, "byFlag[1]");
}

#[test]
fn refuses_text_that_is_not_json() {
    let it = fixture();
    for text in [
        "{",
        "}",
        "[]",
        "\"a\"",
        "{} {}",
        "{},",
        "{\"str\": \"a\",}",
        "{'str': 'a'}",
        "{str: 1}",
        "// c\n{}",
        "{\"str\": \"\\ud800\"}",
        "{\"str\": \"\\udc00\\ud800\"}",
        "{\"str\": \"\\x\"}",
        "{\"str\": \"a\nb\"}",
        "{\"str\": \"abc}",
        "{\"int32\": 01}",
        "{\"int32\": 1.}",
        "{\"int32\": .5}",
        "{\"int32\": +1}",
        "{\"int32\": -}",
        "{\"int32\": 1e}",
        "{\"bool\": True}",
        "{\"bool\": truee}",
        "{\"numbers\": [1 2]}",
        "{\"numbers\": [1,]}",
        "{\"numbers\": [,1]}",
        "nul",
        "\u{feff}{}",
    ] {
        it.refused(text);
    }
    assert_eq!(
        it.echo(" \t\r\n{ \"str\" : \"\\u00e9\\ud83d\\ude00\\/\\n\" } \n"),
        json!({"str": "é😀/\n"})
    );
}

#[test]
fn refuses_nesting_beyond_a_hundred() {
    let it = fixture();
    let nested = |depth: usize| {
        format!(
            "{}{}",
            "{\"child\": ".repeat(depth) + "{}",
            "}".repeat(depth)
        )
    };
    assert!(it.request("POST", "/v1/echo", &nested(90)).is_ok());
    assert!(it.refused(&nested(200)).1.contains("100 deep"));
    let deep = |open: &str, close: &str| {
        format!(
            "{{\"value\": {}1{}}}",
            open.repeat(20_000),
            close.repeat(20_000)
        )
    };
    assert!(it.refused(&deep("[", "]")).1.contains("100 deep"));
    assert!(it.refused(&deep("{\"a\":", "}")).1.contains("100 deep"));
    let any = "{\"@type\": \"x/google.protobuf.Any\", \"value\": ";
    let hostile = format!(
        "{{\"any\": {}{{}}{}}}",
        any.repeat(20_000),
        "}".repeat(20_000)
    );
    assert!(it.refused(&hostile).1.contains("100 deep"));
}

#[test]
fn long_messages_have_long_lengths() {
    let it = fixture();
    for len in [127, 128, 16_383, 16_384, 300_000] {
        let body = json!({"child": {"str": "x".repeat(len)}, "str": "after"});
        assert_eq!(it.echo(&body.to_string()), body);
    }
}
