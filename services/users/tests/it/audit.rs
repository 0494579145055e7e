//! The audit log: what it holds, and its pages.

use tonic::Code;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::users::AuditAction;

use crate::harness::{PASSWORD, Service, email};

#[tokio::test]
async fn tells_what_happened_where_from_and_in_which_call() {
    let service = Service::start().await;
    let tokens = service.person("alice").await;
    service.nobody().refresh(&tokens).await.unwrap();
    let page = service.with(&tokens).audit_page(0, "").await.unwrap();
    let actions: Vec<AuditAction> = page.audit_events.iter().map(|e| e.action()).collect();
    assert_eq!(
        actions,
        [
            AuditAction::TokenRefreshed,
            AuditAction::LoggedIn,
            AuditAction::Registered
        ]
    );
    for event in &page.audit_events {
        assert_eq!(event.client_address, "192.0.2.1");
        assert_eq!(event.request_id, "req-of-the-test");
        assert!(event.id.starts_with("aud_"));
    }
    assert_eq!(
        page.audit_events[1].login_session_id,
        tokens.login_session_id
    );
    assert_eq!(page.audit_events[2].login_session_id, "");
}

#[tokio::test]
async fn pages_hold_every_event_once() {
    let service = Service::start().await;
    let tokens = service.person("alice").await;
    for _ in 0..8 {
        service
            .nobody()
            .login(&email("alice"), PASSWORD)
            .await
            .unwrap();
    }
    let alice = service.with(&tokens);
    let whole = alice.audit_page(200, "").await.unwrap();
    assert_eq!(
        (whole.audit_events.len(), whole.next_page_token.as_str()),
        (10, "")
    );
    let (mut events, mut token, mut sizes) = (Vec::new(), String::new(), Vec::new());
    loop {
        let page = alice.audit_page(5, &token).await.unwrap();
        sizes.push(page.audit_events.len());
        events.extend(page.audit_events);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        // What happens meanwhile doesn't shift the pages.
        service
            .nobody()
            .login(&email("alice"), PASSWORD)
            .await
            .unwrap();
    }
    assert_eq!(sizes, [5, 5]);
    assert_eq!(events, whole.audit_events);
}

#[tokio::test]
async fn a_page_token_works_for_nobody_else() {
    let service = Service::start().await;
    let alice = service.with(&service.person("alice").await);
    let bob = service.with(&service.person("bob").await);
    let page = alice.audit_page(1, "").await.unwrap();
    for token in [page.next_page_token.as_str(), "made up"] {
        let refused = bob.audit_page(1, token).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(reason_of(&refused), Some(Reason::PageTokenInvalid));
    }
}

#[tokio::test]
async fn holds_nobody_else_s_events() {
    let service = Service::start().await;
    service.person("alice").await;
    let bob = service.with(&service.person("bob").await);
    assert_eq!(
        bob.actions().await,
        [AuditAction::LoggedIn, AuditAction::Registered]
    );
}
