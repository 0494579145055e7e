//! Roles in other processes that are missing at the start, or gone later.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use mesh::Role;

use super::{is_up, lacks, model, outage, probe, send, until};
use crate::cards::maren;
use crate::person::{PASSWORD, Person, nobody};
use crate::platform::free_address;
use crate::processes::fleet::{Certificates, setup, until_ready};

#[tokio::test]
async fn begins_without_users_and_goes_on_once_they_are_there() {
    let (model, certificates, address) = (model().await, Certificates::new().await, free_address());
    let others = setup(&model, &certificates).with("TROUPE__MESH__PEERS__USERS", &address);
    let others = others
        .serve(&[Role::Gateway, Role::Ai, Role::Roleplay])
        .await;
    let (status, missing) = probe(&others, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{missing}");
    assert!(missing.contains("access tokens"), "{missing}");
    assert_eq!(probe(&others, "/healthz").await.0, StatusCode::OK);
    let account = json!({"email": "ann@example.com", "password": PASSWORD, "displayName": "Ann"});
    let register = nobody(&others)
        .call(Method::POST, "/api/v1/users/register", account)
        .await;
    lacks(&register, "users can't be reached");

    let of_users = setup(&model, &certificates).with("TROUPE__MESH__LISTEN__USERS", &address);
    let users = of_users.serve(&[Role::Users]).await;
    until_ready(&others).await;
    let ann = Person::register(&others, "Ann").await;

    users.kill().await;
    let me = ann.call(Method::GET, "/api/v1/users/me", Value::Null).await;
    lacks(&me, "users can't be reached");
    // What users don't answer goes on: the keys are known.
    ann.get("/api/v1/roleplay/characters").await;
    tokio::time::sleep(outage()).await;
    let _users = of_users.serve(&[Role::Users]).await;
    until("users answer again", async || is_up(&ann).await).await;
}

#[tokio::test]
async fn refuses_replies_while_ai_is_away_and_keeps_the_rest() {
    let (model, certificates, address) = (model().await, Certificates::new().await, free_address());
    let of_ai = setup(&model, &certificates).with("TROUPE__MESH__LISTEN__AI", &address);
    let others = setup(&model, &certificates).with("TROUPE__MESH__PEERS__AI", &address);
    let others = others
        .serve(&[Role::Gateway, Role::Users, Role::Roleplay])
        .await;
    let of_ai = of_ai.with("TROUPE__MESH__PEERS__USERS", "127.0.0.1:9");
    let ai = of_ai.serve(&[Role::Ai]).await;
    until_ready(&others).await;
    let ann = Person::register(&others, "Ann").await;
    let session = ann.open_session(maren()).await;
    let is_answered = async || send(&ann, &session).await.1.get("ended").is_some();
    until("replies are written", is_answered).await;

    ai.kill().await;
    lacks(&send(&ann, &session).await, "ai can't be reached");
    let before = ann.messages(&session).await.len();
    let (status, _) = ann.call(Method::GET, &session, Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    tokio::time::sleep(outage()).await;
    let _ai = of_ai.serve(&[Role::Ai]).await;
    until("replies are written again", is_answered).await;
    assert_eq!(
        ann.messages(&session).await.len(),
        before + 2,
        "nothing is half stored"
    );
}
