//! What a restart finds again.

use crate::harness::{PASSWORD, Service, email};

#[tokio::test]
async fn accounts_sessions_and_keys_survive_a_restart() {
    let service = Service::start().await;
    let tokens = service.person("alice").await;
    let ended = service
        .nobody()
        .login(&email("alice"), PASSWORD)
        .await
        .unwrap();
    let caller = service.with(&ended);
    caller.revoke(&ended.login_session_id).await.unwrap();
    let page = service.with(&tokens).audit_page(1, "").await.unwrap();
    let service = service.restart().await;
    service.with(&tokens).profile().await.unwrap();
    assert!(service.with(&ended).profile().await.is_err());
    service.nobody().refresh(&tokens).await.unwrap();
    service
        .nobody()
        .login(&email("alice"), PASSWORD)
        .await
        .unwrap();
    let next = service
        .with(&tokens)
        .audit_page(1, &page.next_page_token)
        .await;
    assert_eq!(next.unwrap().audit_events.len(), 1);
}

#[tokio::test]
async fn only_the_owner_of_the_data_can_read_its_file() {
    use std::os::unix::fs::PermissionsExt;
    let service = Service::start().await;
    if service.home().database().url.is_named() {
        // PostgreSQL's files are its own.
        return;
    }
    service.person("alice").await;
    for name in ["users.sqlite", "users.sqlite-wal"] {
        let file = service.home().path().join(name);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}
