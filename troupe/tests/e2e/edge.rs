//! Wrong users and bad input: each gets a clear error in the contract's shape, and nothing is half stored.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::scripted::{self, Reply};

use crate::cards::maren;
use crate::main_job::with_model;
use crate::person::{PASSWORD, Person, nobody};
use crate::platform::Setup;

/// The reason for programs in an error's details.
fn reason(error: &Value) -> &str {
    let details = error["details"].as_array().unwrap();
    details
        .iter()
        .find_map(|detail| detail["reason"].as_str())
        .unwrap()
}

#[tokio::test]
async fn a_strangers_things_do_not_exist() {
    let (model, _setup, platform) = with_model().await;
    let alice = Person::register(&platform, "Alice").await;
    let bob = Person::register(&platform, "Bob").await;
    let session = alice.open_session(maren()).await;
    model.push(Reply::words("A secret."));
    let reply = alice.say(&session, "Tell me.").await.at_end().await;
    let (message, generation) = (reply.message_id(), reply.generation_id());
    let generation = format!("/api/v1/roleplay/generations/{generation}");
    let reads = [
        session.clone(),
        format!("{session}/messages"),
        format!("{session}/prompt"),
        format!("{session}/branches"),
        format!("{session}/messages/{message}/swipes"),
        generation.clone(),
        format!("{generation}:watch"),
        format!("{generation}/receipt"),
    ];
    for path in reads {
        let (status, error) = bob.call(Method::GET, &path, Value::Null).await;
        assert_eq!(
            (status, reason(&error)),
            (StatusCode::NOT_FOUND, "NOT_FOUND"),
            "{path}"
        );
        let (status, error) = nobody(&platform)
            .call(Method::GET, &path, Value::Null)
            .await;
        assert_eq!(
            (status, reason(&error)),
            (StatusCode::UNAUTHORIZED, "TOKEN_MISSING"),
            "{path}"
        );
    }
    let writes = [
        (
            Method::POST,
            format!("{session}/messages"),
            json!({"text": "hi"}),
        ),
        (
            Method::POST,
            format!("{session}/messages/{message}:regenerate"),
            json!({}),
        ),
        (
            Method::POST,
            format!("{session}/messages/{message}:continue"),
            json!({}),
        ),
        (
            Method::PATCH,
            format!("{session}/messages/{message}"),
            json!({"text": "mine now"}),
        ),
        (
            Method::DELETE,
            format!("{session}/messages/{message}"),
            Value::Null,
        ),
        (
            Method::POST,
            format!("{session}/branches"),
            json!({"headMessageId": message}),
        ),
        (Method::POST, format!("{generation}:cancel"), json!({})),
        (Method::DELETE, session.clone(), Value::Null),
    ];
    for (method, path, body) in writes {
        let (status, error) = bob.call(method.clone(), &path, body).await;
        assert_eq!(
            (status, reason(&error)),
            (StatusCode::NOT_FOUND, "NOT_FOUND"),
            "{method} {path}"
        );
    }
    assert!(bob.usage().await.is_empty());
    assert_eq!(
        alice.messages(&session).await.pop().unwrap()["text"],
        "A secret."
    );
}

#[tokio::test]
async fn bad_input_is_refused_by_name_and_leaves_nothing() {
    let (_model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    let messages = format!("{session}/messages");
    let cases = [
        (messages.clone(), json!({"text": ""}), "text"),
        (
            messages.clone(),
            json!({"text": "x".repeat(200_001)}),
            "text",
        ),
        (messages.clone(), json!({"text": 5}), "text"),
        (messages.clone(), json!({"text": "x", "txet": "y"}), "txet"),
        (
            "/api/v1/roleplay/sessions".to_owned(),
            json!({"characterId": "maren"}),
            "characterId",
        ),
        (
            "/api/v1/users/register".to_owned(),
            json!({"email": "ann", "password": PASSWORD, "displayName": "A"}),
            "email",
        ),
        (
            "/api/v1/users/register".to_owned(),
            json!({"email": "b@example.com", "password": "short", "displayName": "B"}),
            "password",
        ),
    ];
    for (path, body, field) in cases {
        let (status, error) = ann.call(Method::POST, &path, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {error}");
        assert!(
            error["message"].as_str().unwrap().contains(field),
            "{field}: {error}"
        );
        assert_eq!(reason(&error), "INVALID_REQUEST", "{path}");
    }
    assert_eq!(ann.messages(&session).await.len(), 1);
}

#[tokio::test]
async fn a_file_that_is_no_card_is_refused_and_not_kept() {
    let (_model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let mut damaged = maren();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    for file in [b"not a card".to_vec(), b"{\"name\": 1}".to_vec(), damaged] {
        let request = ann
            .request(Method::POST, "/api/v1/roleplay/characters:import")
            .body(file);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let error: Value = answer.json().await.unwrap();
        assert_eq!(reason(&error), "CARD_INVALID", "{error}");
    }
    let characters = ann.get("/api/v1/roleplay/characters").await;
    assert_eq!(characters["characters"], serde_json::json!([]));
}

#[tokio::test]
async fn a_card_comes_in_by_a_form_as_pages_send_it() {
    let (_model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let import = |parts: &[(&str, Vec<u8>)]| {
        let mut body = Vec::new();
        for (headers, data) in parts {
            body.extend_from_slice(format!("--xyz\r\n{headers}\r\n\r\n").as_bytes());
            body.extend_from_slice(data);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--xyz--\r\n");
        ann.request(Method::POST, "/api/v1/roleplay/characters:import")
            .header("content-type", "multipart/form-data; boundary=xyz")
            .body(body)
            .send()
    };
    let file = "Content-Disposition: form-data; name=\"card\"; filename=\"maren.png\"\r\n\
                Content-Type: image/png";
    let field = "Content-Disposition: form-data; name=\"csrf\"";
    let answer = import(&[(field, b"x".to_vec()), (file, maren())]).await;
    let imported: Value = answer.unwrap().json().await.unwrap();
    assert!(imported["character"]["id"].is_string(), "{imported}");
    let listed = ann.get("/api/v1/roleplay/characters").await;
    assert_eq!(listed["characters"].as_array().unwrap().len(), 1);

    let answer = import(&[(file, maren()), (file, maren())]).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let error: Value = answer.json().await.unwrap();
    assert!(error["message"].as_str().unwrap().contains("several files"));
}

#[tokio::test]
async fn requests_that_strangers_send_are_answered() {
    let address = "127.0.0.1:0".parse().unwrap();
    let model = scripted::serve(address).await.unwrap();
    model.set_models(vec![json!({"id": "org/model"})]);
    let setup = Setup::new().with("TROUPE__AI__OPENAI__BASE_URL", model.base_url());
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    for id in [
        "openai%2Forg%2Fmodel",
        "openai%2forg/model",
        "openai/org/model",
    ] {
        let found = ann.get(&format!("/api/v1/ai/models/{id}")).await;
        assert_eq!(found["id"], "openai/org/model", "{id}: {found}");
    }
    for city in ["S\u{e3}o Paulo".as_bytes(), b"Z\xfcrich"] {
        let request = ann.request(Method::GET, "/api/v1/users/me");
        let answer = request.header("cf-ipcity", city).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn logs_and_answers_share_a_request_id_and_tell_no_secrets() {
    let (model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words("An unmistakable zanzibar reply."));
    ann.say(&session, "An unmistakable quagga message.")
        .await
        .at_end()
        .await;
    let request = ann
        .request(Method::GET, "/api/v1/nothing")
        .header("x-request-id", "trace-me-4711");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "trace-me-4711");
    let token = ann.token().to_owned();
    platform.ask_to_stop();
    let log = platform.log_to_end().await;
    assert!(log.contains("trace-me-4711"), "{log}");
    for secret in ["zanzibar", "quagga", PASSWORD, &token, "ann@example.com"] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}

#[tokio::test]
async fn serves_documentation_and_probes() {
    let platform = Setup::new().start().await;
    let visitor = nobody(&platform);
    for path in [
        "/docs",
        "/redoc",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/.well-known/jwks.json",
    ] {
        let answer = visitor.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
}
