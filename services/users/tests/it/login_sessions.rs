//! Login sessions: listed, ended, refused everywhere at once.

use std::time::Duration;

use tonic::Code;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::users as pb;
use troupe_proto::users::AuditAction;

use crate::harness::{PASSWORD, Service, email, eventually};

#[tokio::test]
async fn lists_open_sessions_newest_first_and_marks_the_one_that_asks() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    service.time().advance(Duration::from_secs(60));
    let second = service
        .nobody()
        .login(&email("alice"), PASSWORD)
        .await
        .unwrap();
    service.person("bob").await;
    let sessions = service.with(&first).sessions().await.unwrap();
    let ids: Vec<&str> = sessions.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, [&second.login_session_id, &first.login_session_id]);
    assert_eq!([sessions[0].current, sessions[1].current], [false, true]);
    assert_eq!(sessions[0].device_name, "laptop");
}

#[tokio::test]
async fn lists_open_sessions_page_by_page() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    for _ in 0..4 {
        let login = service.nobody().login(&email("alice"), PASSWORD).await;
        login.unwrap();
    }
    let caller = service.with(&first);
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let page = caller.session_page(2, &token).await.unwrap();
        assert!(page.login_sessions.len() <= 2);
        found.extend(page.login_sessions);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, caller.sessions().await.unwrap());
    assert_eq!(found.len(), 5);
}

#[tokio::test]
async fn reads_an_open_session_of_one_s_own_and_no_other() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let login = service.nobody().login(&email("alice"), PASSWORD).await;
    let second = login.unwrap();
    let caller = service.with(&first);
    for listed in caller.sessions().await.unwrap() {
        assert_eq!(caller.session(&listed.id).await.unwrap(), listed);
    }
    caller.revoke(&second.login_session_id).await.unwrap();
    let bob = service.person("bob").await;
    for id in [&second.login_session_id, &bob.login_session_id] {
        let refused = caller.session(id).await.unwrap_err();
        assert_eq!(reason_of(&refused), Some(Reason::NotFound));
    }
}

#[tokio::test]
async fn logging_out_ends_the_session_that_asks_and_no_other() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let second = service
        .nobody()
        .login(&email("alice"), PASSWORD)
        .await
        .unwrap();
    let caller = service.with(&first);
    let request = caller.request(pb::LogoutRequest {});
    caller.auth().logout(request).await.unwrap();
    service.refuses(&first).await;
    let refused = service.nobody().refresh(&first).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::RefreshTokenInvalid));
    let sessions = service.with(&second).sessions().await.unwrap();
    assert_eq!(sessions.len(), 1);
    let actions = service.with(&second).actions().await;
    assert_eq!(actions[0], AuditAction::LoggedOut);
}

#[tokio::test]
async fn a_revoked_session_is_refused_by_every_verifier() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let second = service
        .nobody()
        .login(&email("alice"), PASSWORD)
        .await
        .unwrap();
    let other = service.follower().await;
    other.verify(&first.access_token).unwrap();
    let caller = service.with(&second);
    caller.revoke(&first.login_session_id).await.unwrap();
    service.refuses(&first).await;
    eventually("the follower refuses the token", async || {
        other.verify(&first.access_token).is_err()
    })
    .await;
    other.verify(&second.access_token).unwrap();
    let again = caller.revoke(&first.login_session_id).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound);
    let actions = caller.actions().await;
    let revoked = actions
        .iter()
        .filter(|a| **a == AuditAction::LoginSessionRevoked);
    assert_eq!(revoked.count(), 1);
}

#[tokio::test]
async fn a_verifier_that_comes_late_learns_of_earlier_revocations() {
    let service = Service::start().await;
    let ended = service.person("alice").await;
    let replaced = service.person("bob").await;
    let lost = service.nobody().refresh(&replaced).await.unwrap();
    service.nobody().refresh(&replaced).await.unwrap();
    let caller = service.with(&ended);
    caller.revoke(&ended.login_session_id).await.unwrap();
    let late = service.follower().await;
    assert!(late.verify(&ended.access_token).is_err());
    assert!(late.verify(&lost.access_token).is_err());
    late.verify(&replaced.access_token).unwrap();
}

#[tokio::test]
async fn a_stranger_s_session_does_not_exist() {
    let service = Service::start().await;
    let alice = service.person("alice").await;
    let bob = service.person("bob").await;
    let refused = service.with(&bob).revoke(&alice.login_session_id).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let id = platform::id::LoginSessionId::new().to_string();
    let unknown = service.with(&bob).revoke(&id).await.unwrap_err();
    assert_eq!(
        refused.message().replace(&alice.login_session_id, &id),
        unknown.message()
    );
    service.with(&alice).profile().await.unwrap();
}
