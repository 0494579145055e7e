//! The stores of pictures and of vectors: what needs them is refused, and all else goes on.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::servers::S3;

use super::{fill, lacks, model, outage, probe, setup, until};
use crate::cards::{example, maren};
use crate::credentials::{answering, refusing_qdrant};
use crate::person::Person;
use crate::platform::{Platform, Setup};

/// What refusals call the store.
const FILES: &str = "the file store";
/// Room for a few pictures.
const STORE_BYTES: u64 = 8 << 20;

/// Of a store without the bucket; the one of tests makes it with its first file.
const NO_BUCKET: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 40\r\nconnection: close\r\n\r\n<Error><Code>NoSuchBucket</Code></Error>";

/// A platform that keeps its pictures in the store.
fn with_store(setup: Setup, store: &S3) -> Setup {
    let config = store.config();
    let secret = config.secret_access_key.reveal().unwrap();
    setup
        .with("TROUPE__S3__ENDPOINT", &config.endpoint)
        .with("TROUPE__S3__BUCKET", &config.bucket)
        .with("TROUPE__S3__ACCESS_KEY_ID", &config.access_key_id)
        .with("TROUPE__S3__SECRET_ACCESS_KEY", secret)
}

pub(super) async fn import(ann: &Person, card: Vec<u8>) -> (StatusCode, Value) {
    let import = ann
        .request(Method::POST, "/api/v1/roleplay/characters:import")
        .header("content-type", "image/png")
        .body(card);
    let answer = import.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// What people see of a platform whose store doesn't answer.
async fn lacks_only_pictures(ann: &Person, session: &str, picture: &str, platform: &Platform) {
    lacks(&import(ann, example("quill.png")).await, FILES);
    lacks(&ann.call(Method::GET, picture, Value::Null).await, FILES);
    let reply = ann.say(session, "Good evening!").await.at_end().await;
    assert_eq!(reply.text, "The lamp turns above you.");
    for path in ["/readyz", "/healthz"] {
        assert_eq!(probe(platform, path).await.0, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn lacks_only_pictures_while_their_store_is_away() {
    let (model, mut store) = (model().await, S3::start(None).await.unwrap());
    store.stop();
    let setup = with_store(setup(&model), &store);
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    lacks(&import(&ann, maren()).await, FILES);
    let characters = ann.get("/api/v1/roleplay/characters").await;
    assert_eq!(
        characters["characters"].as_array().map_or(0, Vec::len),
        0,
        "nothing is half stored"
    );

    store.restart().await.unwrap();
    until("pictures are stored", async || {
        import(&ann, maren()).await.0 == StatusCode::OK
    })
    .await;
    let session = ann.open_session(maren()).await;
    let characters = ann.get("/api/v1/roleplay/characters").await;
    let id = characters["characters"][0]["id"].as_str().unwrap();
    let picture = format!("/api/v1/roleplay/characters/{id}/avatar");
    let is_served = async || {
        let answer = ann.request(Method::GET, &picture).send().await.unwrap();
        answer.status() == StatusCode::OK
    };
    assert!(is_served().await);

    store.stop();
    lacks_only_pictures(&ann, &session, &picture, &platform).await;
    tokio::time::sleep(outage()).await;
    store.restart().await.unwrap();
    until("the picture is served again", is_served).await;

    store.pause();
    lacks_only_pictures(&ann, &session, &picture, &platform).await;
    tokio::time::sleep(outage()).await;
    store.resume();
    until("the picture is served again", is_served).await;
}

/// A refusal that says when to come again.
fn lacks_for_now(answer: &(StatusCode, Value), what: &str) {
    lacks(answer, what);
    let details = answer.1["details"].as_array().unwrap();
    let is_told = details
        .iter()
        .any(|detail| detail["retryDelay"].is_string());
    assert!(is_told, "{details:?}");
}

#[tokio::test]
async fn lacks_what_stores_refuse_as_if_they_were_away() {
    let (model, store) = (model().await, S3::start(None).await.unwrap());
    let qdrant = refusing_qdrant().await;
    let without_bucket = format!("http://{}", answering(NO_BUCKET).0);
    for (name, value, says) in [
        ("ACCESS_KEY_ID", "somebody", "refuses the keys"),
        ("ENDPOINT", &*without_bucket, "has no bucket files"),
    ] {
        let setup = with_store(setup(&model), &store)
            .with(&format!("TROUPE__S3__{name}"), value)
            .with("TROUPE__QDRANT__URL", &qdrant);
        let platform = setup.start().await;
        let ann = Person::register(&platform, "Ann").await;
        lacks_for_now(&import(&ann, maren()).await, FILES);
        let card =
            json!({"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Maren"}});
        let path = "/api/v1/roleplay/characters:import";
        let imported = ann
            .request(Method::POST, path)
            .json(&card)
            .send()
            .await
            .unwrap();
        assert_eq!(imported.status(), StatusCode::OK);
        let id = imported.json::<Value>().await.unwrap()["character"]["id"].clone();
        let opened = json!({ "characterId": id });
        let opened = ann
            .call(Method::POST, "/api/v1/roleplay/sessions", opened)
            .await
            .1;
        let id = opened["session"]["id"].as_str().unwrap();
        let path = format!("/api/v1/roleplay/sessions/{id}/memories:search");
        let sought = ann
            .call(Method::POST, &path, json!({"query": "the lamp"}))
            .await;
        lacks_for_now(&sought, "the vector store");
        assert_eq!(probe(&platform, "/readyz").await.0, StatusCode::OK);
        platform.ask_to_stop();
        let log = platform.log_to_end().await;
        assert!(log.contains(says), "{log}");
        assert!(log.contains("the vector store refuses the key"), "{log}");
    }
}

#[tokio::test]
async fn refuses_pictures_while_their_store_s_disk_is_full() {
    let (model, store) = (model().await, S3::start(Some(STORE_BYTES)).await.unwrap());
    let setup = with_store(setup(&model), &store);
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    fill(&store.data());
    lacks(&import(&ann, example("quill.png")).await, FILES);
    let reply = ann.say(&session, "Good evening!").await.at_end().await;
    assert_eq!(reply.text, "The lamp turns above you.");
    let characters = ann.get("/api/v1/roleplay/characters").await;
    let characters = characters["characters"].as_array().unwrap();
    assert_eq!(characters.len(), 1, "nothing is half stored");
    std::fs::remove_file(store.data().join("filler")).unwrap();
    until("pictures are stored again", async || {
        import(&ann, example("quill.png")).await.0 == StatusCode::OK
    })
    .await;
}

#[tokio::test]
async fn recalls_nothing_while_qdrant_is_away_and_lacks_nothing_else() {
    let model = model().await;
    // Nobody listens there.
    let setup = setup(&model).with("TROUPE__QDRANT__URL", "http://127.0.0.1:9");
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    let reply = ann.say(&session, "Good evening!").await.at_end().await;
    assert_eq!(reply.text, "The lamp turns above you.");
    let (path, sought) = (
        format!("{session}/memories:search"),
        json!({"query": "the lamp"}),
    );
    lacks(
        &ann.call(Method::POST, &path, sought).await,
        "the vector store",
    );
    for path in ["/readyz", "/healthz"] {
        assert_eq!(probe(&platform, path).await.0, StatusCode::OK, "{path}");
    }
}
