//! Failed logins slow those down who make them.

use std::time::Duration;

use tonic::Status;
use tonic_types::StatusExt;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::users::AuditAction;

use crate::harness::{PASSWORD, Service, email, eventually};

pub(crate) async fn guess(service: &Service, name: &str, address: &str) -> Status {
    let nobody = service.nobody_at(address);
    nobody
        .login(&email(name), "wrong password")
        .await
        .unwrap_err()
}

pub(crate) fn wait_of(status: &Status) -> Option<Duration> {
    (reason_of(status) == Some(Reason::LoginBackoff)).then(|| {
        status
            .get_details_retry_info()
            .unwrap()
            .retry_delay
            .unwrap()
    })
}

/// Guesses until strangers have to wait for one another.
pub(crate) async fn slow_down(service: &Service, name: &str) {
    for n in 0.. {
        let waits = wait_of(&guess(service, name, &format!("198.51.100.{}", n / 4)).await);
        // The fourth guess from each address is the first that waits for others.
        if n % 4 == 3 && waits.is_some() {
            return;
        }
    }
}

#[tokio::test]
async fn waits_double_from_the_fifth_failure_and_are_told_truly() {
    let service = Service::start().await;
    service.person("alice").await;
    for n in 0..5 {
        let status = guess(&service, &format!("person{n}"), "203.0.113.1").await;
        assert_eq!(reason_of(&status), Some(Reason::CredentialsInvalid));
    }
    for secs in [1, 2, 4, 8, 16, 32, 60, 60] {
        let wait = wait_of(&guess(&service, "alice", "203.0.113.1").await).unwrap();
        assert_eq!(wait, Duration::from_secs(secs));
        service.time().advance(wait - Duration::from_millis(1));
        let rest = wait_of(&guess(&service, "alice", "203.0.113.1").await).unwrap();
        assert_eq!(rest, Duration::from_millis(1));
        service.time().advance(rest);
        let name = format!("other{secs}");
        assert_eq!(wait_of(&guess(&service, &name, "203.0.113.1").await), None);
    }
}

#[tokio::test]
async fn strangers_who_used_up_their_tries_wait_for_one_another() {
    let service = Service::start().await;
    service.person("alice").await;
    slow_down(&service, "alice").await;
    for secs in [1, 2, 4, 8, 16, 32, 60, 60] {
        let wait = wait_of(&guess(&service, "alice", "198.51.100.0").await).unwrap();
        service.time().advance(wait);
        assert_eq!(wait, Duration::from_secs(secs));
        assert_eq!(
            wait_of(&guess(&service, "alice", "198.51.100.1").await),
            None
        );
    }
}

#[tokio::test]
async fn the_owner_gets_in_from_anywhere_while_strangers_guess() {
    let service = Service::start().await;
    let email = email("alice");
    service.person("alice").await;
    let owner = async |address: &str| service.nobody_at(address).login(&email, PASSWORD).await;
    let mut step = 0_u32;
    for minutes in [0, 1, 5, 5] {
        for _ in 0..minutes * 60 * 4 {
            service.time().advance(Duration::from_millis(250));
            let address = format!("198.51.{}.9", step % 250);
            step += 1;
            guess(&service, "alice", &address).await;
        }
        owner("192.0.2.1").await.unwrap();
        owner(&format!("203.0.113.{minutes}")).await.unwrap();
        owner(&format!("2001:db8:{minutes}::1")).await.unwrap();
    }
}

#[tokio::test]
async fn an_unknown_address_is_held_up_like_a_known_one() {
    let service = Service::start().await;
    service.person("alice").await;
    let mut waits = Vec::new();
    for (name, net) in [("alice", "198.51.100"), ("nobody", "203.0.113")] {
        let mut seen = Vec::new();
        for n in 0..20 {
            let status = guess(&service, name, &format!("{net}.{}", n / 4)).await;
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
    let guesses = (0..40).map(|_| guess(&service, "alice", "198.51.100.7"));
    let answers = futures::future::join_all(guesses).await;
    let looked_at = answers.iter().filter(|status| wait_of(status).is_none());
    assert_eq!(looked_at.count(), 5);
}

#[tokio::test]
async fn many_who_log_in_at_once_from_one_network_are_all_let_in() {
    let service = Service::start().await;
    let names: Vec<_> = (0..10).map(|n| format!("person{n}")).collect();
    for name in &names {
        service.person(name).await;
    }
    let one = vec![names[0].clone(); 10];
    for (address, people) in [("192.0.2.77", names), ("192.0.2.78", one)] {
        // Where none of them was before, and once more where all were.
        for _ in 0..2 {
            let place = service.nobody_at(address);
            let emails: Vec<_> = people.iter().map(|name| email(name)).collect();
            let logins = emails.iter().map(|email| place.login(email, PASSWORD));
            for login in futures::future::join_all(logins).await {
                login.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn the_audit_log_has_each_failure_and_one_event_for_each_wait() {
    let service = Service::start().await;
    let alice = service.person("alice").await;
    for _ in 0..9 {
        guess(&service, "alice", "198.51.100.7").await;
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
