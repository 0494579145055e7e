//! The stores of pictures and of vectors: what needs them is refused, and all else goes on.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::servers::S3;

use super::{fill, lacks, model, outage, probe, setup, until};
use crate::cards::{example, maren};
use crate::person::Person;
use crate::platform::{Platform, Setup};

/// What refusals call the store.
const FILES: &str = "the store of files";
/// Room for a few pictures.
const STORE_BYTES: u64 = 8 << 20;

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
        json!({"text": "the lamp"}),
    );
    lacks(
        &ann.call(Method::POST, &path, sought).await,
        "the vector store",
    );
    for path in ["/readyz", "/healthz"] {
        assert_eq!(probe(&platform, path).await.0, StatusCode::OK, "{path}");
    }
}
