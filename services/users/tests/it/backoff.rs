//! Failed logins slow those down who make them.

use std::time::Duration;

use tonic::Status;
use tonic_types::StatusExt;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::users::AuditAction;

use crate::harness::{PASSWORD, Service, email, eventually};

async fn guess(service: &Service, name: &str, address: &str) -> Status {
    let nobody = service.nobody_at(address);
    nobody
        .login(&email(name), "wrong password")
        .await
        .unwrap_err()
}

fn wait_of(status: &Status) -> Option<Duration> {
    (reason_of(status) == Some(Reason::LoginBackoff)).then(|| {
        status
            .get_details_retry_info()
            .unwrap()
            .retry_delay
            .unwrap()
    })
}

#[tokio::test]
async fn waits_double_from_the_fifth_failure_and_are_told_truly() {
    let service = Service::start().await;
    service.person("alice").await;
    for n in 0..5 {
        let status = guess(&service, "alice", &format!("198.51.100.{n}")).await;
        assert_eq!(reason_of(&status), Some(Reason::CredentialsInvalid));
    }
    for secs in [1, 2, 4, 8, 16, 32, 60, 60] {
        let wait = wait_of(&guess(&service, "alice", "203.0.113.1").await).unwrap();
        assert_eq!(wait, Duration::from_secs(secs));
        service.time.advance(wait - Duration::from_millis(1));
        let rest = wait_of(&guess(&service, "alice", "203.0.113.1").await).unwrap();
        assert_eq!(rest, Duration::from_millis(1));
        service.time.advance(rest);
        let address = format!("203.0.113.{}", 100 + secs);
        assert_eq!(wait_of(&guess(&service, "alice", &address).await), None);
    }
}

#[tokio::test]
async fn the_owner_gets_in_from_where_they_logged_in_before() {
    let service = Service::start().await;
    service.person("alice").await;
    for n in 0..9 {
        guess(&service, "alice", &format!("198.51.100.{n}")).await;
    }
    let elsewhere = service.nobody_at("203.0.113.9");
    let held_up = elsewhere
        .login(&email("alice"), PASSWORD)
        .await
        .unwrap_err();
    assert!(wait_of(&held_up).is_some());
    service
        .nobody()
        .login(&email("alice"), PASSWORD)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_unknown_address_is_held_up_like_a_known_one() {
    let service = Service::start().await;
    service.person("alice").await;
    let mut waits = Vec::new();
    for (name, net) in [("alice", "198.51.100"), ("nobody", "203.0.113")] {
        let mut seen = Vec::new();
        for n in 0..7 {
            let status = guess(&service, name, &format!("{net}.{n}")).await;
            seen.push((status.code(), status.message().to_owned(), wait_of(&status)));
        }
        waits.push(seen);
    }
    assert_eq!(waits[0], waits[1]);
}

#[tokio::test]
async fn guessing_at_many_accounts_slows_the_client_address() {
    let service = Service::start().await;
    for n in 0..5 {
        let guessed = guess(&service, &format!("person{n}"), "2001:db8::1").await;
        assert_eq!(wait_of(&guessed), None);
    }
    // The same household: IPv6 counts by /64.
    assert!(wait_of(&guess(&service, "other", "2001:db8::2").await).is_some());
    assert_eq!(
        wait_of(&guess(&service, "other", "2001:db8:0:1::1").await),
        None
    );
}

#[tokio::test]
async fn guesses_at_the_same_time_don_t_outrun_the_count() {
    let service = Service::start().await;
    service.person("alice").await;
    let addresses: Vec<String> = (0..40).map(|n| format!("198.51.100.{n}")).collect();
    let guesses = addresses
        .iter()
        .map(|address| guess(&service, "alice", address));
    let answers = futures::future::join_all(guesses).await;
    let looked_at = answers.iter().filter(|status| wait_of(status).is_none());
    assert_eq!(looked_at.count(), 5);
}

#[tokio::test]
async fn the_audit_log_has_each_failure_and_one_event_for_each_wait() {
    let service = Service::start().await;
    let alice = service.person("alice").await;
    for n in 0..9 {
        guess(&service, "alice", &format!("198.51.100.{n}")).await;
    }
    let alice = service.with(&alice);
    // Refusals are recorded beside the answer.
    let count = async |action| {
        let actions = alice.actions().await;
        actions.into_iter().filter(|a| *a == action).count()
    };
    eventually("all refusals are recorded", async || {
        count(AuditAction::LoginFailed).await + count(AuditAction::LoginDelayed).await >= 6
    })
    .await;
    assert_eq!(count(AuditAction::LoginFailed).await, 5);
    assert_eq!(count(AuditAction::LoginDelayed).await, 1);
}
