//! Two services on one database: what one does holds for the other.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use mesh::{Channel, Role};
use redis::RedisConfig;
use testkit::Home;
use testkit::servers::{Postgres, Redis};
use troupe_proto::error::reason_of;
use troupe_proto::users::AuditAction;
use troupe_proto::users::auth_service_client::AuthServiceClient;
use troupe_proto::{Reason, users as pb};

use crate::harness::{PASSWORD, Service, cheap, email, eventually};

async fn two() -> [Service; 2] {
    Service::start_two(RedisConfig::default()).await
}

async fn key_ids(service: &Service) -> Vec<String> {
    let nobody = service.nobody();
    let request = nobody.request(pb::GetJwksRequest {});
    let answer = nobody.auth().get_jwks(request).await.unwrap();
    let keys = answer.into_inner().keys.into_iter();
    keys.map(|key| key.kid).collect()
}

#[tokio::test]
async fn those_that_start_at_once_have_the_same_key() {
    for _ in 0..4 {
        let home = Arc::new(Home::on(Postgres::shared().await.unwrap()).unwrap());
        let [one, two] = Service::start_at_once(home, cheap()).await;
        let keys = key_ids(&one).await;
        assert_eq!(keys.len(), 1);
        assert_eq!(keys, key_ids(&two).await);
        let alice = one.person("alice").await;
        two.with(&alice).profile().await.unwrap();
    }
}

#[tokio::test]
async fn a_session_that_is_ended_at_one_is_refused_by_those_who_follow_the_other() {
    let [one, two] = two().await;
    let alice = one.person("alice").await;
    let elsewhere = two.nobody().login(&email("alice"), PASSWORD).await.unwrap();
    let follower = two.follower().await;
    follower.verify(&alice.access_token).unwrap();
    let caller = one.with(&elsewhere);
    caller.revoke(&alice.login_session_id).await.unwrap();
    eventually("the follower refuses the token", async || {
        follower.verify(&alice.access_token).is_err()
    })
    .await;
    two.refuses(&alice).await;
    follower.verify(&elsewhere.access_token).unwrap();
}

#[tokio::test]
async fn an_access_token_that_is_replaced_at_one_is_refused_at_the_other() {
    let [one, two] = two().await;
    let first = one.person("alice").await;
    let lost = one.nobody().refresh(&first).await.unwrap();
    let again = two.nobody().refresh(&first).await.unwrap();
    one.refuses(&lost).await;
    two.refuses(&lost).await;
    one.with(&again).profile().await.unwrap();
}

#[tokio::test]
async fn a_replay_at_one_of_what_was_used_at_the_other_ends_the_session_everywhere() {
    let [one, two] = two().await;
    let first = one.person("alice").await;
    let second = one.nobody().refresh(&first).await.unwrap();
    let used = one.verifier.verify(&second.access_token).unwrap();
    let report = pb::ReportTokenUseRequest {
        token_ids: vec![used.token_id.to_string()],
    };
    let roleplay = Channel::in_process(&one.server, Role::Roleplay);
    AuthServiceClient::new(roleplay)
        .report_token_use(report)
        .await
        .unwrap();
    let behind = two.nobody().refresh(&first).await.unwrap_err();
    assert_eq!(reason_of(&behind), Some(Reason::TokenSuperseded));
    one.time().advance(Duration::from_secs(11));
    let replay = two.nobody().refresh(&first).await.unwrap_err();
    assert_eq!(reason_of(&replay), Some(Reason::RefreshTokenInvalid));
    one.refuses(&second).await;
    two.refuses(&second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_race_of_refreshes_at_both_logs_nobody_out() {
    let services = two().await;
    let mut newest = services[0].person("alice").await;
    for _ in 0..6 {
        let racers = (0..8).map(|number| {
            let (service, tokens) = (&services[number % 2], newest.clone());
            let caller = service.nobody();
            service
                .host
                .tasks
                .spawn(async move { caller.refresh(&tokens).await })
        });
        let mut pairs = Vec::new();
        for racer in racers.collect::<Vec<_>>() {
            pairs.push(racer.await.unwrap().unwrap());
        }
        let (mut tried, mut live) = (HashSet::new(), Vec::new());
        for (number, pair) in pairs.into_iter().enumerate() {
            let nobody = services[number % 2].nobody();
            if tried.insert(pair.refresh_token.clone())
                && let Ok(next) = nobody.refresh(&pair).await
            {
                live.push(next);
            }
        }
        assert_eq!(live.len(), 1, "one pair is good, and its owner goes on");
        newest = live.remove(0);
    }
    let alice = services[1].with(&newest);
    assert_eq!(alice.sessions().await.unwrap().len(), 1);
    let replays = alice.actions().await;
    assert!(!replays.contains(&AuditAction::RefreshTokenReused));
}

#[tokio::test]
async fn one_takes_the_page_tokens_of_the_other() {
    let [one, two] = two().await;
    let alice = one.person("alice").await;
    let page = one.with(&alice).audit_page(1, "").await.unwrap();
    let next = two.with(&alice).audit_page(1, &page.next_page_token).await;
    assert_eq!(next.unwrap().audit_events.len(), 1);
}

#[tokio::test]
async fn failed_logins_count_at_both() {
    let redis = Redis::shared().await.unwrap().config();
    let [one, two] = Service::start_two(redis).await;
    one.person("alice").await;
    for number in 0..6 {
        let service = [&one, &two][number % 2];
        let stranger = service.nobody_at("198.51.100.7");
        let refused = stranger.login(&email("alice"), "wrong password").await;
        let expected = match number {
            0..5 => Reason::CredentialsInvalid,
            _ => Reason::LoginBackoff,
        };
        assert_eq!(reason_of(&refused.unwrap_err()), Some(expected), "{number}");
    }
    let owner = two.nobody_at("203.0.113.7");
    owner.login(&email("alice"), PASSWORD).await.unwrap();
}
