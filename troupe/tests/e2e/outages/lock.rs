//! Another program's lock on a SQLite file, such as that of an operator's `sqlite3`.

use std::path::Path;

use futures::future::join_all;
use reqwest::{Method, StatusCode};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection};
use serde_json::json;
use testkit::scripted::Reply;

use super::{lacks, model, probe, setup, until};
use crate::cards::maren;
use crate::person::Person;

/// What refusals say.
const LOCKED: &str = "another program has locked the database";

/// A program that has the lock until it rolls back.
async fn locked(file: &Path) -> DatabaseConnection {
    let mut options = ConnectOptions::new(format!("sqlite://{}", file.display()));
    let other = sea_orm::Database::connect(options.max_connections(1).to_owned());
    let other = other.await.unwrap();
    other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    other
}

#[tokio::test]
async fn calls_and_replies_name_another_program_s_lock_from_the_start_and_go_on_after_it() {
    let model = model().await;
    let setup = setup(&model);
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::tokens(["The", " lamp", " turns."]).hold_after(2));
    let mut reply = ann.say(&session, "Go on.").await;
    reply.until(|text| text == "The lamp").await;
    let other = locked(&setup.data_dir().join("roleplay.sqlite")).await;
    let write = |_| {
        ann.call(
            Method::POST,
            "/api/v1/roleplay/personas",
            json!({"name": "Ann"}),
        )
    };
    for refused in join_all((0..8).map(write)).await {
        lacks(&refused, LOCKED);
    }
    model.release();
    let refusal = reply.until_refused().await.to_string();
    assert!(
        refusal.contains(LOCKED) && refusal.contains("UNAVAILABLE"),
        "{refusal}"
    );
    let mut again = ann
        .watch_from(reply.generation_id(), reply.next_offset)
        .await;
    again.begin().await;
    other.execute_unprepared("ROLLBACK").await.unwrap();
    let rest = again.at_end().await;
    assert_eq!(reply.text + &rest.text, "The lamp turns.");
    until("ready again", async || {
        probe(&platform, "/readyz").await.0 == StatusCode::OK
    })
    .await;
}
