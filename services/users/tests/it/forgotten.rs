//! What is over is deleted some time later, and nothing comes back by it.

use std::time::Duration;

use platform::Timestamp;
use platform::id::{AccessTokenId, LoginSessionId};
use redis::RedisConfig;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, DbErr};
use storage::Database;
use troupe_proto::error::reason_of;
use troupe_proto::{Reason, users as pb};

use crate::backoff::{guess, slow_down};
use crate::harness::{PASSWORD, PATIENCE, Service, email, eventually};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// How long a session stays after its end, until the next look.
const KEPT: Duration = Duration::from_mins(48 * 60 + 10);

/// The rows of a login session: itself, and its refresh tokens.
async fn rows(store: &Database, tokens: &pb::TokenPair) -> [i64; 2] {
    let id: LoginSessionId = tokens.login_session_id.parse().unwrap();
    let mut counts = [0; 2];
    let of_session = [
        ("login_sessions", "id"),
        ("refresh_tokens", "login_session_id"),
    ];
    for (count, (table, column)) in counts.iter_mut().zip(of_session) {
        let mut query = Query::select();
        query
            .expr_as(Expr::col("id").count(), "n")
            .from(table)
            .and_where(Expr::col(column).eq(id));
        let row = store.read().query_one(&query).await.unwrap().unwrap();
        *count = row.try_get("", "n").unwrap();
    }
    counts
}

async fn are_gone(store: &Database, tokens: &pb::TokenPair) {
    eventually("a session is deleted", async || {
        rows(store, tokens).await == [0, 0]
    })
    .await;
}

async fn log_out(service: &Service, tokens: &pb::TokenPair) {
    let id = &tokens.login_session_id;
    service.with(tokens).revoke(id).await.unwrap();
}

async fn assert_refused(service: &Service, tokens: &pb::TokenPair) {
    let refused = service.nobody().refresh(tokens).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::RefreshTokenInvalid));
}

/// Three pairs of a session, of which the first two are spent.
async fn three_pairs(service: &Service, name: &str) -> [pb::TokenPair; 3] {
    let first = service.person(name).await;
    let second = service.nobody().refresh(&first).await.unwrap();
    let third = service.nobody().refresh(&second).await.unwrap();
    [first, second, third]
}

#[tokio::test]
async fn a_session_is_deleted_two_days_after_its_end_and_nothing_of_it_comes_back() {
    let service = Service::start().await;
    let store = service.store().await;
    let earlier = service.person("earlier").await;
    log_out(&service, &earlier).await;
    service.time().advance(HOUR);
    let ended = three_pairs(&service, "alice").await;
    log_out(&service, &ended[2]).await;
    let robbed = three_pairs(&service, "bob").await;
    service.with(&robbed[2]).profile().await.unwrap();
    assert_refused(&service, &robbed[0]).await;
    let open = three_pairs(&service, "carol").await;

    service.time().advance(KEPT - HOUR);
    are_gone(&store, &earlier).await;
    for [first, ..] in [&ended, &robbed, &open] {
        assert_eq!(rows(&store, first).await, [1, 3]);
    }
    service.time().advance(HOUR);
    for pairs in [&ended, &robbed] {
        are_gone(&store, &pairs[0]).await;
        for pair in pairs {
            assert_refused(&service, pair).await;
            assert!(service.verifier.verify(&pair.access_token).is_err());
        }
    }
    assert_eq!(rows(&store, &open[0]).await, [1, 3]);
    // The open one still knows its thieves.
    let fourth = service.nobody().refresh(&open[2]).await.unwrap();
    assert_refused(&service, &open[0]).await;
    assert_refused(&service, &fourth).await;
}

#[tokio::test]
async fn a_session_that_lapsed_is_deleted_also_where_nobody_saw_its_end() {
    let service = Service::start().await;
    let store = service.store().await;
    let seen = service.person("alice").await;
    service.time().advance(30 * DAY);
    let unseen = service.person("bob").await;
    service.time().advance(KEPT);
    are_gone(&store, &seen).await;
    assert!(service.host.tasks.shut_down(PATIENCE).await);
    assert_eq!(rows(&store, &unseen).await, [1, 1]);
    service.time().advance(30 * DAY);
    let service = service.restart().await;
    are_gone(&store, &unseen).await;
    assert_refused(&service, &unseen).await;
}

/// Gives a session as many spent tokens as one that is in use for weeks.
async fn add_tokens(store: &Database, tokens: &pb::TokenPair, count: u32) {
    let id: LoginSessionId = tokens.login_session_id.parse().unwrap();
    let adding = store.transaction(|tx| {
        Box::pin(async move {
            for number in 0..count {
                let mut hash = number.to_be_bytes().to_vec();
                hash.resize(32, 0);
                let mut insert = Query::insert();
                insert
                    .into_table("refresh_tokens")
                    .columns([
                        "id",
                        "login_session_id",
                        "token_hash",
                        "access_token_id",
                        "create_time",
                        "expire_time",
                    ])
                    .values_panic([
                        AccessTokenId::new().into(),
                        id.into(),
                        hash.into(),
                        AccessTokenId::new().into(),
                        Timestamp::default().into(),
                        Timestamp::default().into(),
                    ]);
                tx.execute(&insert).await?;
            }
            Ok::<_, DbErr>(())
        })
    });
    adding.await.unwrap();
}

async fn deletes_in_portions(services: &[Service]) {
    let store = services[0].store().await;
    let many = services[0].person("alice").await;
    add_tokens(&store, &many, 1_200).await;
    log_out(&services[0], &many).await;
    let mut few = Vec::new();
    for number in 0..120 {
        let tokens = services[0].person(&format!("person{number}")).await;
        log_out(&services[0], &tokens).await;
        few.push(tokens);
    }
    let open = services[0].person("bob").await;
    services[0].time().advance(KEPT);
    are_gone(&store, &many).await;
    for tokens in &few {
        are_gone(&store, tokens).await;
    }
    services[0].nobody().refresh(&open).await.unwrap();
    assert_eq!(rows(&store, &open).await, [1, 2]);
}

#[tokio::test]
async fn what_is_old_is_deleted_in_portions() {
    deletes_in_portions(&[Service::start().await]).await;
}

#[tokio::test]
async fn two_replicas_that_delete_at_once_do_no_harm() {
    deletes_in_portions(&Service::start_two(RedisConfig::default()).await).await;
}

#[tokio::test]
async fn an_owner_is_known_where_the_last_login_was_within_a_year() {
    let service = Service::start().await;
    let store = service.store().await;
    let alice = service.person("alice").await;
    log_out(&service, &alice).await;
    service.time().advance(364 * DAY);
    are_gone(&store, &alice).await;
    for is_known in [true, false] {
        slow_down(&service, "alice").await;
        for _ in 0..3 {
            guess(&service, "alice", "192.0.2.1").await;
        }
        // A stranger would have to wait with the others.
        let owner = service.nobody().login(&email("alice"), PASSWORD).await;
        assert_eq!(owner.is_ok(), is_known);
        service.time().advance(366 * DAY);
        eventually("networks are forgotten", async || {
            let count = Query::select()
                .expr_as(Expr::col("network").count(), "n")
                .from("known_networks")
                .to_owned();
            let row = store.read().query_one(&count).await.unwrap().unwrap();
            row.try_get::<i64>("", "n").unwrap() == 0
        })
        .await;
    }
}
