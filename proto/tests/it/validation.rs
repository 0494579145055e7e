use tonic_types::StatusExt;
use troupe_proto::validate::{Validate, check};
use troupe_proto::{Reason, error, roleplay, users};

fn fields_at_fault<M: Validate>(message: &M) -> Vec<String> {
    let Err(status) = check(message) else {
        return Vec::new();
    };
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert_eq!(error::reason_of(&status), Some(Reason::InvalidRequest));
    let details = status.get_details_bad_request().unwrap();
    details
        .field_violations
        .into_iter()
        .map(|v| v.field)
        .collect()
}

fn a_registration() -> users::RegisterRequest {
    users::RegisterRequest {
        email: "alice@example.org".into(),
        password: "correct horse".into(),
        display_name: "Alice".into(),
    }
}

#[test]
fn takes_a_message_that_keeps_the_rules() {
    assert!(fields_at_fault(&a_registration()).is_empty());
}

#[test]
fn names_every_field_that_breaks_a_rule() {
    let request = users::RegisterRequest {
        email: "nobody".into(),
        display_name: String::new(),
        ..a_registration()
    };
    assert_eq!(fields_at_fault(&request), ["email", "display_name"]);
}

#[test]
fn an_id_has_one_rule() {
    let persona = |id: &str| roleplay::GetPersonaRequest {
        persona_id: id.into(),
    };
    let digits = "01jz9q0f3eab7m2k4n6p8r5t9v";
    assert!(fields_at_fault(&persona(&format!("per_{digits}"))).is_empty());
    for id in [
        "",
        "x",
        digits,
        &format!("ses_{digits}"),
        &format!("per_{}", digits.to_uppercase()),
        &format!("per_8{}", &digits[1..]),
        &format!("per_{}", digits.replace('z', "u")),
        &format!("per_{digits}0"),
    ] {
        let status = check(&persona(id)).unwrap_err();
        let expected = "persona_id must be an id: per_ and 26 characters";
        assert_eq!(status.message(), expected, "{id}");
    }
}

#[test]
fn a_field_that_breaks_two_rules_is_named_once() {
    let request = users::RegisterRequest {
        email: "nobody".repeat(100),
        ..a_registration()
    };
    let status = check(&request).unwrap_err();
    for part in ["email must be", " and must be"] {
        assert!(status.message().contains(part), "{status}");
    }
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations.len(), 1);
}

#[test]
fn counts_characters_and_not_bytes() {
    let request = users::RegisterRequest {
        display_name: "é".repeat(64),
        ..a_registration()
    };
    assert!(fields_at_fault(&request).is_empty());
    let request = users::RegisterRequest {
        display_name: "é".repeat(65),
        ..a_registration()
    };
    assert_eq!(fields_at_fault(&request), ["display_name"]);
}

#[test]
fn checks_nested_messages_and_items_with_their_paths() {
    let settings = roleplay::GenerationSettings {
        temperature: Some(9.0),
        stop: vec!["ok".into(), String::new()],
        ..Default::default()
    };
    let request = roleplay::UpdateSessionRequest {
        session: Some(roleplay::Session {
            settings: Some(settings),
            ..Default::default()
        }),
        update_mask: None,
    };
    assert_eq!(
        fields_at_fault(&request),
        ["session.settings.temperature", "session.settings.stop[1]"]
    );
}

#[test]
fn requires_what_is_required_and_ignores_an_empty_optional_id() {
    assert_eq!(
        fields_at_fault(&roleplay::CreatePersonaRequest::default()),
        ["persona"]
    );
    let open = |persona: &str| roleplay::CreateSessionRequest {
        session: Some(roleplay::Session {
            character_id: format!("chr_{}", "0".repeat(26)),
            persona_id: persona.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert!(fields_at_fault(&open("")).is_empty());
    assert_eq!(fields_at_fault(&open("per_short")), ["session.persona_id"]);
}

#[test]
fn refuses_a_number_that_is_no_value_of_the_enum() {
    let request = roleplay::ExportCharacterRequest {
        character_id: format!("chr_{}", "0".repeat(26)),
        format: 9,
        spec: 0,
    };
    assert_eq!(fields_at_fault(&request), ["format"]);
}

#[test]
fn does_not_check_answers() {
    let character = roleplay::Character {
        name: "Mira".into(),
        etag: "long ".repeat(100),
        ..Default::default()
    };
    let answer = roleplay::GetCharacterResponse {
        character: Some(character.clone()),
    };
    assert!(fields_at_fault(&answer).is_empty());
    assert_eq!(fields_at_fault(&character), ["etag"]);
}
