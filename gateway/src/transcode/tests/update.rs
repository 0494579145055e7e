//! Masks that the gateway makes of the bodies of updates, and those that clients send. Most cases were somebody's bug.

use serde_json::{Value, json};

use super::fixture;

/// The mask that a body makes, and the resource as the service gets it.
fn patched(body: &str) -> (Value, Value) {
    let message = fixture().request("PATCH", "/v1/things/t1", body);
    let mut message = message.unwrap_or_else(|fault| panic!("{body}: {fault:?}"));
    let mask = message["updateMask"].take();
    (mask, message["thing"].take())
}

fn mask(body: &str) -> Value {
    patched(body).0
}

#[test]
fn a_body_names_its_keys_even_where_they_clear() {
    assert_eq!(mask(r#"{"displayName": "a"}"#), "displayName");
    assert_eq!(mask(r#"{"display_name": ""}"#), "displayName");
    let (mask, thing) = patched(r#"{"displayName": null, "tags": null, "maybe": 0}"#);
    assert_eq!(mask, "displayName,tags,maybe");
    assert_eq!(thing, json!({"id": "t1", "maybe": 0}));
}

#[test]
fn a_nested_object_names_its_own_keys() {
    let body = r#"{"innerThing": {"displayName": "a", "inner_thing": {"tags": []}}}"#;
    assert_eq!(
        mask(body),
        "innerThing.displayName,innerThing.innerThing.tags"
    );
    assert_eq!(mask(r#"{"innerThing": null}"#), "innerThing");
}

#[test]
fn maps_lists_and_objects_of_any_form_are_replaced_whole() {
    for (body, path) in [
        (r#"{"labels": {"a": "b"}}"#, "labels"),
        (r#"{"labels": {}}"#, "labels"),
        (r#"{"labels": null}"#, "labels"),
        (r#"{"byName": {"a_b": {"displayName": "c"}}}"#, "byName"),
        (r#"{"tags": ["a"]}"#, "tags"),
        (r#"{"things": [{"displayName": "a"}]}"#, "things"),
        (r#"{"card": {"a": {"b": 1}}}"#, "card"),
        (r#"{"card": {}}"#, "card"),
        (r#"{"value": null}"#, "value"),
        (r#"{"value": {"a": 1}}"#, "value"),
        (r#"{"time": "2026-01-31T12:00:00Z"}"#, "time"),
        (r#"{"time": null}"#, "time"),
        (r#"{"note": ""}"#, "note"),
        (r#"{"note": null}"#, "note"),
        (
            r#"{"any": {"@type": "type.googleapis.com/echo.v1.Thing", "displayName": "a"}}"#,
            "any",
        ),
    ] {
        assert_eq!(mask(body), path, "{body}");
    }
}

#[test]
fn an_empty_object_names_itself_only_where_that_says_something() {
    // grpc-gateway #3866: a message without fields was left out.
    assert_eq!(mask(r#"{"empty": {}}"#), "empty");
    assert_eq!(mask(r#"{"kid": {}}"#), "kid");
    // Naming it whole would clear what is in it.
    assert_eq!(mask(r#"{"innerThing": {}}"#), Value::Null);
    assert_eq!(mask("{}"), Value::Null);
}

#[test]
fn members_of_a_choice_are_fields_like_others() {
    assert_eq!(mask(r#"{"word": "a"}"#), "word");
    assert_eq!(
        mask(r#"{"word": null, "kid": {"tags": ["a"]}}"#),
        "word,kid.tags"
    );
}

#[test]
fn what_only_answers_have_is_left_out_and_so_is_what_the_path_names() {
    let body = r#"{"id": "t2", "createTime": "2026-01-31T12:00:00Z", "shown": {"displayName": "a"},
        "displayName": "b", "innerThing": {"id": "t3", "createTime": null}}"#;
    let (mask, thing) = patched(body);
    assert_eq!(mask, "displayName");
    assert_eq!(thing["id"], "t1");
}

#[test]
fn a_field_of_another_name_in_json_has_its_own_in_the_mask() {
    assert_eq!(mask(r#"{"otherName": "a"}"#), "renamed");
}

#[test]
fn a_mask_of_the_client_goes_before_and_an_empty_one_is_none() {
    let it = fixture();
    let body = r#"{"displayName": "a"}"#;
    for (query, mask) in [
        (
            "updateMask=tags,innerThing.displayName",
            "tags,innerThing.displayName",
        ),
        ("update_mask=*", "*"),
        ("updateMask=", "displayName"),
        ("refuse=x", "displayName"),
    ] {
        let target = format!("/v1/things/t1?{query}");
        let message = it.request("PATCH", &target, body).unwrap();
        assert_eq!(message["updateMask"], mask, "{query}");
    }
}

#[test]
fn a_mask_that_names_nothing_of_the_contract_is_refused_in_the_spelling_of_json() {
    let it = fixture();
    for (mask, problem) in [
        ("displayNames", "names displayNames, which is not a field"),
        (
            "tags,innerThing.noSuch",
            "names innerThing.noSuch, which is not a field",
        ),
        ("displayName.x", "names displayName.x, which is not a field"),
        ("choice", "names choice, which is not a field"),
        ("createTime", "names createTime, which can't be changed"),
        ("id", "names id, which can't be changed"),
        (
            "shown.displayName",
            "names shown.displayName, which can't be changed",
        ),
    ] {
        let target = format!("/v1/things/t1?updateMask={mask}");
        let fault = it.fault("PATCH", &target, "{}");
        assert_eq!(fault, ("updateMask".to_owned(), problem.to_owned()));
    }
    let (_, reason) = it.fault("PATCH", "/v1/things/t1?updateMask=display_name", "{}");
    assert!(reason.contains("lower camel case"), "{reason}");
    // How far into maps and lists a mask may reach is the service's own affair.
    for mask in ["labels.a", "things.displayName", "card.a"] {
        let target = format!("/v1/things/t1?updateMask={mask}");
        assert_eq!(
            it.request("PATCH", &target, "{}").unwrap()["updateMask"],
            mask
        );
    }
}

#[test]
fn only_an_update_gets_a_mask() {
    let it = fixture();
    let body = r#"{"displayName": "a"}"#;
    let message = it.request("PUT", "/v1/things/t1", body).unwrap();
    assert_eq!(message["updateMask"], Value::Null);
    let message = it.request("POST", "/v1/things", r#"{"thing": {"displayName": "a"}}"#);
    assert_eq!(message.unwrap()["updateMask"], Value::Null);
    // No body names nothing.
    let message = it.request("PATCH", "/v1/things/t1", "").unwrap();
    assert_eq!(message, json!({"thing": {"id": "t1"}}));
    let message = it.request("PATCH", "/v1/things/t1", "null").unwrap();
    assert_eq!(message["updateMask"], Value::Null);
}

#[test]
fn a_body_that_names_too_much_is_refused() {
    let mut body = String::new();
    for _ in 0..90 {
        body.push_str(
            r#"{"displayName": "", "tags": [], "labels": {}, "maybe": 0, "innerThing": "#,
        );
    }
    body.push_str("null");
    body.push_str(&"}".repeat(90));
    let (path, reason) = fixture().fault("PATCH", "/v1/things/t1", &body);
    assert_eq!(path, "");
    assert!(reason.contains("updateMask"), "{reason}");
}
