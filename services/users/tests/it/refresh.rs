//! Refresh tokens: rotation, lost answers, replays, races.

use std::collections::HashSet;
use std::time::Duration;

use mesh::{Channel, Role};
use tonic::{Code, Status};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::users as pb;
use troupe_proto::users::AuditAction;
use troupe_proto::users::auth_service_client::AuthServiceClient;

use crate::harness::{PASSWORD, Service, email};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long a tab may be behind, and a moment more.
const GRACE: Duration = Duration::from_secs(10);
const AFTER_GRACE: Duration = Duration::from_millis(10_001);

#[track_caller]
fn assert_refused(answer: Result<pb::TokenPair, Status>) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(reason_of(&status), Some(Reason::RefreshTokenInvalid));
}

/// Refused without tokens, and nothing ended.
#[track_caller]
fn assert_superseded(answer: Result<pb::TokenPair, Status>) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(reason_of(&status), Some(Reason::TokenSuperseded));
}

async fn assert_session_ended(service: &Service, newest: &pb::TokenPair) {
    assert_refused(service.nobody().refresh(newest).await);
    service.refuses(newest).await;
    let again = service
        .nobody()
        .login(&email("alice"), PASSWORD)
        .await
        .unwrap();
    let page = service.with(&again).audit_page(50, "").await.unwrap();
    let event = page
        .audit_events
        .iter()
        .find(|event| event.action() == AuditAction::RefreshTokenReused);
    assert_eq!(event.unwrap().login_session_id, newest.login_session_id);
}

#[tokio::test]
async fn a_refresh_token_gives_a_new_pair_of_the_same_session() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let second = service.nobody().refresh(&first).await.unwrap();
    assert_eq!(second.login_session_id, first.login_session_id);
    assert_ne!(second.refresh_token, first.refresh_token);
    service.with(&second).profile().await.unwrap();
    service.nobody().refresh(&second).await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_is_given_again_and_what_was_lost_is_revoked() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let lost = service.nobody().refresh(&first).await.unwrap();
    let again = service.nobody().refresh(&first).await.unwrap();
    service.refuses(&lost).await;
    assert_superseded(service.nobody().refresh(&lost).await);
    let status = service.with(&lost).profile().await.unwrap_err();
    assert_eq!(reason_of(&status), Some(Reason::TokenInvalid));
    service.with(&again).profile().await.unwrap();
    service.nobody().refresh(&again).await.unwrap();
}

#[tokio::test]
async fn time_plays_no_part_in_honouring_a_spent_token() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    service.nobody().refresh(&first).await.unwrap();
    service.time().advance(29 * DAY);
    service.nobody().refresh(&first).await.unwrap();
}

#[tokio::test]
async fn a_tab_that_is_some_seconds_behind_is_told_so_and_stays_logged_in() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let second = service.nobody().refresh(&first).await.unwrap();
    service.with(&second).profile().await.unwrap();
    for wait in [Duration::ZERO, GRACE] {
        service.time().advance(wait);
        for _ in 0..3 {
            assert_superseded(service.nobody().refresh(&first).await);
        }
        service.with(&second).profile().await.unwrap();
    }
    service.nobody().refresh(&second).await.unwrap();
}

#[tokio::test]
async fn a_replay_after_the_next_refresh_token_was_used_ends_the_session() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let second = service.nobody().refresh(&first).await.unwrap();
    let third = service.nobody().refresh(&second).await.unwrap();
    assert_superseded(service.nobody().refresh(&first).await);
    service.time().advance(AFTER_GRACE);
    assert_refused(service.nobody().refresh(&first).await);
    assert_session_ended(&service, &third).await;
}

#[tokio::test]
async fn a_replay_after_the_next_access_token_was_used_ends_the_session() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let second = service.nobody().refresh(&first).await.unwrap();
    service.with(&second).profile().await.unwrap();
    service.time().advance(AFTER_GRACE);
    assert_refused(service.nobody().refresh(&first).await);
    assert_session_ended(&service, &second).await;
}

#[tokio::test]
async fn a_replay_after_the_pair_after_the_next_was_used_ends_the_session_at_once() {
    let service = Service::start().await;
    for uses_access in [true, false] {
        let first = service.person("alice").await;
        let second = service.nobody().refresh(&first).await.unwrap();
        let third = service.nobody().refresh(&second).await.unwrap();
        let newest = match uses_access {
            true => service.with(&third).profile().await.map(|_| third.clone()),
            false => service.nobody().refresh(&third).await,
        };
        assert_refused(service.nobody().refresh(&first).await);
        assert_session_ended(&service, &newest.unwrap()).await;
    }
}

#[tokio::test]
async fn use_of_an_access_token_at_another_service_counts_once_it_is_reported() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let second = service.nobody().refresh(&first).await.unwrap();
    let used = service.verifier.verify(&second.access_token).unwrap();
    let roleplay = Channel::in_process(&service.server, Role::Roleplay);
    let report = pb::ReportTokenUseRequest {
        token_ids: vec![used.token_id.to_string()],
    };
    AuthServiceClient::new(roleplay)
        .report_token_use(report)
        .await
        .unwrap();
    assert_superseded(service.nobody().refresh(&first).await);
    service.time().advance(AFTER_GRACE);
    assert_refused(service.nobody().refresh(&first).await);
    assert_session_ended(&service, &second).await;
}

#[tokio::test]
async fn a_replay_far_back_ends_the_session_even_after_a_lost_answer() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let lost = service.nobody().refresh(&first).await.unwrap();
    let second = service.nobody().refresh(&first).await.unwrap();
    let third = service.nobody().refresh(&second).await.unwrap();
    assert_superseded(service.nobody().refresh(&lost).await);
    service.with(&third).profile().await.unwrap();
    assert_refused(service.nobody().refresh(&first).await);
    assert_session_ended(&service, &third).await;
}

/// A thief brought a spent token while nothing of the owner's pair was used: the owner has the pair that was replaced.
#[tokio::test]
async fn a_pair_that_a_thief_had_replaced_gives_the_thief_away() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let owner = service.nobody().refresh(&first).await.unwrap();
    let mut thief = service.nobody().refresh(&first).await.unwrap();
    for _ in 0..3 {
        thief = service.nobody().refresh(&thief).await.unwrap();
    }
    service.refuses(&owner).await;
    assert_refused(service.nobody().refresh(&owner).await);
    assert_session_ended(&service, &thief).await;

    let first = service.person("bob").await;
    let owner = service.nobody().refresh(&first).await.unwrap();
    let thief = service.nobody().refresh(&first).await.unwrap();
    service.with(&thief).profile().await.unwrap();
    assert_superseded(service.nobody().refresh(&owner).await);
    service.time().advance(AFTER_GRACE);
    assert_refused(service.nobody().refresh(&owner).await);
    service.refuses(&thief).await;
    assert_refused(service.nobody().refresh(&thief).await);
}

/// Two tabs got a pair each, and the one that was replaced was stored last: nobody has the other any more.
#[tokio::test]
async fn a_pair_that_was_replaced_by_one_that_got_lost_is_good_again_after_some_seconds() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let stored = service.nobody().refresh(&first).await.unwrap();
    let lost = service.nobody().refresh(&first).await.unwrap();
    assert_superseded(service.nobody().refresh(&stored).await);
    service.time().advance(AFTER_GRACE);
    let next = service.nobody().refresh(&stored).await.unwrap();
    service.refuses(&lost).await;
    service.with(&next).profile().await.unwrap();
    for behind in [&stored, &lost] {
        assert_superseded(service.nobody().refresh(behind).await);
    }
    service.nobody().refresh(&next).await.unwrap();
}

#[tokio::test]
async fn other_sessions_of_the_person_outlive_a_replay() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let other = service
        .nobody()
        .login(&email("alice"), PASSWORD)
        .await
        .unwrap();
    let second = service.nobody().refresh(&first).await.unwrap();
    service.nobody().refresh(&second).await.unwrap();
    service.time().advance(AFTER_GRACE);
    assert_refused(service.nobody().refresh(&first).await);
    service.with(&other).profile().await.unwrap();
    service.nobody().refresh(&other).await.unwrap();
}

#[tokio::test]
async fn two_refreshes_that_overlap_get_the_same_pair() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let (tab, other_tab) = (service.nobody(), service.nobody());
    let (one, two) = tokio::join!(tab.refresh(&first), other_tab.refresh(&first));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.refresh_token, two.refresh_token);
    service.with(&one).profile().await.unwrap();
    service.with(&two).profile().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_race_of_refreshes_logs_nobody_out() {
    let service = Service::start().await;
    let mut newest = service.person("alice").await;
    for _ in 0..10 {
        let racers = (0..16).map(|_| {
            let (caller, tokens) = (service.nobody(), newest.clone());
            service
                .host
                .tasks
                .spawn(async move { caller.refresh(&tokens).await })
        });
        let mut pairs = Vec::new();
        for racer in racers.collect::<Vec<_>>() {
            pairs.push(racer.await.unwrap().unwrap());
        }
        // Those that didn't overlap replaced one another; one pair is left, and its owner goes on.
        let mut tried = HashSet::new();
        let mut live = Vec::new();
        for pair in pairs {
            if tried.insert(pair.refresh_token.clone())
                && let Ok(next) = service.nobody().refresh(&pair).await
            {
                live.push(next);
            }
        }
        assert_eq!(live.len(), 1);
        newest = live.remove(0);
    }
    let sessions = service.with(&newest).sessions().await.unwrap();
    assert_eq!(sessions.len(), 1);
}

#[tokio::test]
async fn a_token_expires_when_it_is_not_used_for_a_month() {
    let service = Service::start().await;
    let mut tokens = service.person("alice").await;
    for _ in 0..2 {
        service.time().advance(29 * DAY);
        tokens = service.nobody().refresh(&tokens).await.unwrap();
    }
    service.time().advance(30 * DAY);
    assert_refused(service.nobody().refresh(&tokens).await);
}

#[tokio::test]
async fn a_session_ends_after_ninety_days_however_often_it_is_renewed() {
    let service = Service::start().await;
    let login = service.person("alice").await;
    let mut tokens = login.clone();
    for _ in 0..4 {
        service.time().advance(22 * DAY);
        tokens = service.nobody().refresh(&tokens).await.unwrap();
    }
    let last_day = tokens.refresh_expire_time.unwrap().seconds;
    let first_day = login.refresh_expire_time.unwrap().seconds;
    assert_eq!(last_day - first_day, 60 * 24 * 3600);
    service.time().advance(2 * DAY);
    assert_refused(service.nobody().refresh(&tokens).await);
}

#[tokio::test]
async fn access_tokens_expire() {
    let service = Service::start().await;
    let tokens = service.person("alice").await;
    service.time().advance(Duration::from_secs(1799));
    service.with(&tokens).profile().await.unwrap();
    service.time().advance(Duration::from_secs(1));
    let status = service.with(&tokens).profile().await.unwrap_err();
    assert_eq!(reason_of(&status), Some(Reason::TokenInvalid));
}

#[tokio::test]
async fn refuses_what_is_no_refresh_token() {
    let service = Service::start().await;
    let tokens = service.person("alice").await;
    for text in ["x", "trt_", &tokens.access_token[..128]] {
        let forged = pb::TokenPair {
            refresh_token: text.into(),
            ..tokens.clone()
        };
        assert_refused(service.nobody().refresh(&forged).await);
    }
    // Nor is a refresh token an access token.
    assert!(service.verifier.verify(&tokens.refresh_token).is_err());
}
