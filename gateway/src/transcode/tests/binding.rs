use serde_json::json;

use super::{BodyForm, Incoming, fixture, request_frames};
use crate::route::Lookup;
use crate::route::Template;
use crate::rule::Rule;
use crate::transcode::Plan;

#[test]
fn the_path_wins_over_the_body() {
    let it = fixture();
    let message = it.request(
        "POST",
        "/v1/echo/from-path",
        r#"{"str": "from body", "int32": 1}"#,
    );
    assert_eq!(message.unwrap(), json!({"str": "from-path", "int32": 1}));
}

#[test]
fn the_path_wins_in_nested_messages_and_with_default_values() {
    let it = fixture();
    let message = it.request(
        "PATCH",
        "/v1/echo/a/in/2",
        r#"{"str": "b", "child": {"number": 3}}"#,
    );
    let expected = json!({"child": {"str": "a", "number": 2, "child": {"number": 3}}});
    assert_eq!(message.unwrap(), expected);
    let id = |name| it.schema.message_by_name(name).unwrap();
    let rule = Rule {
        method: None,
        template: "/v1/{child.number}".into(),
        body: "*".into(),
        response_body: String::new(),
    };
    let template = Template::parse(&rule.template).unwrap();
    let everything = id("echo.v1.Everything");
    let plan = Plan::new(&it.schema, &rule, &template, everything, everything).unwrap();
    let mut tree = crate::route::Tree::new();
    tree.add(None, &template, 0).unwrap();
    let Lookup::Found(found) = tree.find(&http::Method::POST, "/v1/0") else {
        panic!("no route")
    };
    let incoming = Incoming {
        found: &found,
        query: None,
        body: br#"{"child": {"number": 5, "str": "kept"}}"#,
        content_type: "",
        form: BodyForm::Single,
        ignore_unknown: false,
        request_id: None,
        last_offset: None,
        etag: None,
    };
    let frames = request_frames(&it.schema, &plan, &incoming).unwrap();
    let descriptor = it.pool.get_message_by_name("echo.v1.Everything").unwrap();
    let message = prost_reflect::DynamicMessage::decode(descriptor, &frames[5..]).unwrap();
    assert_eq!(
        serde_json::to_value(message).unwrap(),
        json!({"child": {"str": "kept"}})
    );
}

#[test]
fn refuses_query_names_that_the_path_binds_in_any_spelling_or_part() {
    let it = fixture();
    assert_eq!(it.fault("GET", "/v1/get/a?str=b", "").0, "str");
    assert_eq!(
        it.fault("DELETE", "/v1/child/a?child.str=b", "").0,
        "child.str"
    );
    let message = it.request("DELETE", "/v1/child/a?child.number=2", "");
    assert_eq!(
        message.unwrap(),
        json!({"child": {"str": "a", "number": 2}})
    );
}

#[test]
fn refuses_query_names_that_the_body_fills() {
    let it = fixture();
    assert_eq!(
        it.fault("PUT", "/v1/echo/a/numbers?numbers=1", "[2]").0,
        "numbers"
    );
    let message = it
        .request("PUT", "/v1/echo/a/numbers?int32=7", "[2]")
        .unwrap();
    assert_eq!(message, json!({"str": "a", "numbers": [2], "int32": 7}));
}

#[test]
fn a_rule_without_body_takes_none() {
    let it = fixture();
    assert_eq!(it.fault("GET", "/v1/get", "{}").0, "");
    assert_eq!(it.request("GET", "/v1/get", "").unwrap(), json!({}));
}

#[test]
fn a_rule_whose_body_is_everything_takes_no_query() {
    let it = fixture();
    assert_eq!(it.fault("POST", "/v1/echo?int32=1", "{}").0, "int32");
    assert_eq!(it.request("POST", "/v1/echo?", "{}").unwrap(), json!({}));
}

#[test]
fn an_empty_body_is_the_default_message() {
    let it = fixture();
    assert_eq!(it.request("POST", "/v1/echo", "").unwrap(), json!({}));
    assert_eq!(
        it.request("PUT", "/v1/echo/a/numbers", "").unwrap(),
        json!({"str": "a"})
    );
}

#[test]
fn one_segment_is_decoded_in_full() {
    let it = fixture();
    let str_of = |target: &str| it.request("GET", target, "").unwrap()["str"].clone();
    assert_eq!(str_of("/v1/get/a%2Fb%2fc%20d"), "a/b/c d");
    assert_eq!(str_of("/v1/get/a+b"), "a+b");
    assert_eq!(str_of("/v1/get/%C3%A9%F0%9F%98%80"), "é😀");
    assert_eq!(str_of("/v1/get/%252F"), "%2F");
}

#[test]
fn several_segments_keep_encoded_slashes_as_sent() {
    let it = fixture();
    let str_of = |target: &str| it.request("GET", target, "").unwrap()["str"].clone();
    assert_eq!(
        str_of("/v1/get/shelves/a%2Fb/books/c%2fd%20e"),
        "shelves/a%2Fb/books/c%2fd e"
    );
    assert_eq!(str_of("/v1/files/a/b%2Fc//d"), "a/b%2Fc//d");
    assert_eq!(str_of("/v1/files/a:stat"), "a");
}

#[test]
fn refuses_paths_that_do_not_decode() {
    let it = fixture();
    for segment in ["%zz", "%", "%4", "%ff", "%C3", "a%2"] {
        let (path, reason) = it.fault("GET", &format!("/v1/get/{segment}"), "");
        assert_eq!(path, "str", "{reason}");
    }
}

#[test]
fn variables_are_of_their_kind() {
    let it = fixture();
    let target = "/v1/typed/9007199254740993/SHADE_DARK/2026-01-01T00:00:00Z/true";
    let expected = json!({"int64": "9007199254740993", "enum": "SHADE_DARK", "time": "2026-01-01T00:00:00Z", "bool": true});
    assert_eq!(it.request("GET", target, "").unwrap(), expected);
    assert_eq!(
        it.fault(
            "GET",
            "/v1/typed/5.5/SHADE_DARK/2026-01-01T00:00:00Z/true",
            ""
        )
        .0,
        "int64"
    );
    assert_eq!(
        it.fault("GET", "/v1/typed/1/NIGHT/2026-01-01T00:00:00Z/true", "")
            .0,
        "enum"
    );
    assert_eq!(
        it.fault("GET", "/v1/typed/1/1/yesterday/true", "").0,
        "time"
    );
}

#[test]
fn refuses_rules_that_do_not_fit_their_messages() {
    let it = fixture();
    let id = it.schema.message_by_name("echo.v1.Everything").unwrap();
    let refused = |template: &str, body: &str, response_body: &str| {
        let rule = Rule {
            method: None,
            template: template.into(),
            body: body.into(),
            response_body: response_body.into(),
        };
        let template = Template::parse(template).unwrap();
        Plan::new(&it.schema, &rule, &template, id, id).unwrap_err()
    };
    assert!(refused("/{nope}", "", "").contains("nope"));
    assert!(refused("/{numbers}", "", "").contains("list"));
    assert!(refused("/{labels}", "", "").contains("map"));
    assert!(refused("/{child}", "", "").contains("message"));
    assert!(refused("/{children.str}", "", "").contains("children.str"));
    assert!(refused("/{any}", "", "").contains("any"));
    assert!(refused("/x", "nope", "").contains("nope"));
    assert!(refused("/x", "", "nope").contains("nope"));
    assert!(refused("/{str}", "str", "").contains("str"));
}

#[test]
fn streams_are_arrays_or_values_in_a_row() {
    let it = fixture();
    let numbers = |body: &str| {
        let Lookup::Found(found) = it.tree.find(&http::Method::POST, "/v1/sum") else {
            panic!("no route")
        };
        let incoming = Incoming {
            found: &found,
            query: None,
            body: body.as_bytes(),
            content_type: "",
            form: BodyForm::Stream,
            ignore_unknown: false,
            request_id: None,
            last_offset: None,
            etag: None,
        };
        request_frames(&it.schema, &it.plans[found.route], &incoming)
    };
    let frames = [0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 2, 8, 2];
    for body in [
        r#"[{"number": 1}, {"number": 2}]"#,
        "{\"number\": 1}\n{\"number\": 2}\n",
        "{\"number\":1}\r\n\r\n{\"number\":2}",
    ] {
        assert_eq!(numbers(body).unwrap(), frames, "{body}");
    }
    assert!(numbers("").unwrap().is_empty());
    assert!(numbers("[]").unwrap().is_empty());
    assert_eq!(
        numbers(r#"[{"number": 1}, {"nope": 2}]"#).unwrap_err().path,
        "[1].nope"
    );
    assert_eq!(numbers("{}\n{\"nope\": 2}").unwrap_err().path, "[1].nope");
    assert!(numbers("[{}] {}").is_err());
    assert!(numbers("[{}").is_err());
}
