//! Nothing is lost silently: updates clear what they name and leave what they don't, and an id of a request stands for one
//! request.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::scripted::Reply;

use crate::cards::maren;
use crate::main_job::with_model;
use crate::person::Person;

/// The reason for programs, and the first field that is at fault.
fn refusal(error: &Value) -> (&str, &str) {
    let details = error["details"].as_array().unwrap();
    let reason = details.iter().find_map(|it| it["reason"].as_str());
    let field = details
        .iter()
        .find_map(|it| it["fieldViolations"][0]["field"].as_str());
    (reason.unwrap(), field.unwrap_or_default())
}

#[tokio::test]
async fn an_update_clears_what_it_names_and_leaves_the_rest() {
    let (_model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let me = "/api/v1/users/me";
    let patch = async |path: &str, body: Value| ann.ok(Method::PATCH, path, body).await;

    patch(me, json!({"bio": "Hello", "locale": "en"})).await;
    assert_eq!(patch(me, json!({"locale": "de"})).await["bio"], "Hello");
    for nothing in [json!(""), Value::Null] {
        patch(me, json!({"bio": "Hello"})).await;
        let cleared = patch(me, json!({"bio": nothing})).await;
        assert!(cleared["bio"].as_str().unwrap_or_default().is_empty());
        assert_eq!(cleared["displayName"], "Ann");
    }
    // What was read can be sent back as it is.
    let mut whole = ann.get(me).await;
    whole["bio"] = json!("Back");
    assert_eq!(patch(me, whole).await["bio"], "Back");

    let session = ann.open_session(maren()).await;
    patch(
        &session,
        json!({"settings": {"maxTokens": 20, "stop": ["END"]}}),
    )
    .await;
    let warm = json!({"settings": {"temperature": 0.5}});
    let settings = patch(&session, warm).await["settings"].clone();
    let both = json!({"maxTokens": 20, "temperature": 0.5, "stop": ["END"]});
    for (name, value) in both.as_object().unwrap() {
        assert_eq!(&settings[name], value, "{settings}");
    }
    let left = patch(
        &session,
        json!({"settings": {"stop": null, "maxTokens": 30}}),
    )
    .await;
    assert_eq!(left["settings"]["maxTokens"], 30);
    assert_eq!(left["settings"]["temperature"], 0.5);
    assert!(
        left["settings"]["stop"]
            .as_array()
            .is_none_or(Vec::is_empty)
    );
    let path = format!("{session}?updateMask=settings.seed");
    let seeded = patch(&path, json!({"settings": {"seed": "7", "maxTokens": 1}})).await;
    assert_eq!(
        (
            &seeded["settings"]["seed"],
            &seeded["settings"]["maxTokens"]
        ),
        (&json!("7"), &json!(30))
    );
    let star = patch(
        &format!("{session}?updateMask=*"),
        json!({"title": "Storm"}),
    )
    .await;
    assert_eq!(star["title"], "Storm");
    assert_ne!(star["settings"]["maxTokens"], 30);
}

#[tokio::test]
async fn what_was_read_is_taken_back_while_nobody_changed_it() {
    let (_model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let patch = async |path: &str, body: &Value| ann.call(Method::PATCH, path, body.clone()).await;
    let session = ann.open_session(maren()).await;
    let mut whole = ann.get(&session).await;
    whole["title"] = json!("Back");
    let (status, changed) = patch(&session, &whole).await;
    assert_eq!(
        (status, &changed["title"]),
        (StatusCode::OK, &json!("Back"))
    );
    whole["characterId"] = ann.import(maren()).await["id"].clone();
    let (status, changed) = patch(&session, &whole).await;
    assert_eq!(
        (status, &changed["characterId"]),
        (StatusCode::OK, &whole["characterId"])
    );

    let personas = "/api/v1/roleplay/personas";
    let ada = ann.ok(Method::POST, personas, json!({"name": "Ada"})).await;
    let path = format!("{personas}/{}", ada["id"].as_str().unwrap());
    let mut seen = ann.get(&path).await;
    seen["name"] = json!("Ada L.");
    let (status, changed) = patch(&path, &seen).await;
    assert_eq!(
        (status, &changed["name"]),
        (StatusCode::OK, &json!("Ada L."))
    );
    let stale = format!("{path}?etag={}", seen["etag"].as_str().unwrap());
    for (status, error) in [
        patch(&path, &seen).await,
        ann.call(Method::DELETE, &stale, Value::Null).await,
    ] {
        assert_eq!(status, StatusCode::CONFLICT);
        assert_eq!(refusal(&error).0, "ETAG_MISMATCH");
    }
    let fresh = format!("{path}?etag={}", changed["etag"].as_str().unwrap());
    ann.ok(Method::DELETE, &fresh, Value::Null).await;
}

#[tokio::test]
async fn a_refused_mask_is_told_in_the_words_of_json() {
    let (_model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    for mask in [
        "displayNames",
        "createTime",
        "email",
        "display_name",
        "bio.x",
    ] {
        let path = format!("/api/v1/users/me?updateMask={mask}");
        let (status, error) = ann.call(Method::PATCH, &path, json!({"bio": "x"})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{mask}");
        assert_eq!(
            refusal(&error),
            ("INVALID_REQUEST", "updateMask"),
            "{error}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(
            mask == "display_name" || !message.contains('_'),
            "{message}"
        );
    }
    let (_, error) = ann
        .call(
            Method::PATCH,
            "/api/v1/users/me",
            json!({"displayName": " "}),
        )
        .await;
    assert_eq!(refusal(&error), ("INVALID_REQUEST", "displayName"));
    let (_, error) = ann
        .call(Method::GET, "/api/v1/roleplay/personas/x", Value::Null)
        .await;
    assert_eq!(refusal(&error), ("INVALID_REQUEST", "personaId"));
    let details = error["details"].as_array().unwrap().iter();
    let mut violations = details.filter_map(|it| it["fieldViolations"].as_array());
    assert_eq!(violations.next().unwrap().len(), 1);
}

#[tokio::test]
async fn refusals_name_fields_as_the_caller_wrote_them() {
    let (_model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    let personas = "/api/v1/roleplay/personas";
    let refused = async |method: Method, path: &str, body: Value| {
        let (status, error) = ann.call(method, path, body).await;
        assert!(status.is_client_error(), "{path}: {error}");
        error
    };
    let hot = json!({"settings": {"temperature": 9, "topP": 7}});
    let error = refused(Method::PATCH, &session, hot.clone()).await;
    assert_eq!(refusal(&error).1, "settings.temperature", "{error}");
    let text = error["message"].as_str().unwrap();
    assert!(
        text.contains("settings.topP") && !text.contains("session."),
        "{text}"
    );
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": " "}), "name"),
        (json!({"name": "Ada", "nope": 1}), "nope"),
        (json!([]), "body"),
        (Value::Null, "body"),
    ] {
        let error = refused(Method::POST, personas, body).await;
        assert_eq!(refusal(&error), ("INVALID_REQUEST", field), "{error}");
    }
    // A whole message has its names.
    let id = session.rsplit('/').next().unwrap();
    let body = json!({"session": {"id": id, "settings": hot["settings"]}});
    let path = "/troupe.roleplay.v1.SessionService/UpdateSession";
    let answer = ann.request(Method::POST, path).json(&body).send().await;
    let text = answer.unwrap().text().await.unwrap();
    assert!(text.contains("\"session.settings.temperature\""), "{text}");

    // So do words of texts.
    for (path, word) in [
        (format!("{personas}?pageToken=x"), "pageToken"),
        (format!("{session}/messages?pageToken=x"), "pageToken"),
    ] {
        let error = refused(Method::GET, &path, Value::Null).await;
        let text = error.to_string();
        assert!(
            text.contains(word) && !text.contains("page_token"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_update_by_connect_changes_what_is_set() {
    let (_model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let persona = json!({"name": "Ada", "description": "Somebody."});
    let personas = "/api/v1/roleplay/personas";
    let made = ann.ok(Method::POST, personas, persona).await;
    let path = "/troupe.roleplay.v1.PersonaService/UpdatePersona";
    let update = async |body: Value| ann.ok(Method::POST, path, body).await["persona"].clone();
    let id = made["id"].clone();
    let changed = update(json!({"persona": {"id": id, "name": "Bea", "description": ""}})).await;
    assert_eq!(
        (&changed["name"], &changed["description"]),
        (&json!("Bea"), &json!("Somebody."))
    );
    let cleared = json!({"persona": {"id": id, "name": ""}, "updateMask": "description"});
    let changed = update(cleared).await;
    assert_eq!(
        (&changed["name"], &changed["description"]),
        (&json!("Bea"), &json!(""))
    );
}

#[tokio::test]
async fn another_request_under_a_used_id_is_refused() {
    let (model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    let messages = format!("{session}/messages");
    let send = async |text: &str, key: &str| {
        let request = ann.request(Method::POST, &messages);
        let request = request.header("idempotency-key", key);
        let answer = request.json(&json!({"text": text})).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    model.push(Reply::words("Good evening."));
    let (status, first) = send("Hello", "k-1").await;
    assert_eq!(status, StatusCode::OK, "{first}");
    // A repeat finds the reply of the first.
    let (status, repeat) = send("Hello", "k-1").await;
    assert_eq!(status, StatusCode::OK, "{repeat}");
    assert!(repeat.contains("Good evening."), "{repeat}");

    let (status, error) = send("Other", "k-1").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{error}");
    let error: Value = serde_json::from_str(&error).unwrap();
    assert_eq!(refusal(&error), ("REQUEST_ID_REUSED", "requestId"));
    assert_eq!(ann.messages(&session).await.len(), 3);

    let (status, error) = send("Other", &"k".repeat(65)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{error}");
}

#[tokio::test]
async fn an_import_that_comes_twice_makes_one_character() {
    let (_model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let import = async |key: &str| {
        let request = ann.request(Method::POST, "/api/v1/roleplay/characters:import");
        let request = request.header("idempotency-key", key).body(maren());
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["character"]["id"].as_str().unwrap().to_owned()
    };
    let first = import("k-1").await;
    assert_eq!(import("k-1").await, first);
    assert_ne!(import("k-2").await, first);
    let characters = ann.get("/api/v1/roleplay/characters").await;
    assert_eq!(characters["characters"].as_array().unwrap().len(), 2);
}
