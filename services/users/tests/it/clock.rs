//! A clock that is set by an hour, in either direction: nobody is thrown out, and nothing waits until it comes round again.

use std::time::Duration;

use tonic::Code;

use crate::backoff::{guess, wait_of};
use crate::harness::{PASSWORD, Service, email};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn nobody_is_thrown_out_where_the_clock_is_set_back() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    service.time().set_back(HOUR);
    service.with(&first).profile().await.unwrap();
    let follower = service.follower().await;
    follower.verify(&first.access_token).unwrap();
    let second = service.nobody().refresh(&first).await.unwrap();
    service.with(&second).profile().await.unwrap();
    let third = service.nobody().refresh(&second).await.unwrap();
    service.with(&third).profile().await.unwrap();
    let login = service.nobody().login(&email("alice"), PASSWORD).await;
    let other = login.unwrap();
    let alice = service.with(&other);
    alice.revoke(&other.login_session_id).await.unwrap();
    service.refuses(&other).await;
    service.with(&third).profile().await.unwrap();
}

#[tokio::test]
async fn nobody_is_thrown_out_where_the_clock_is_set_forward_and_back_again() {
    let service = Service::start().await;
    let first = service.person("alice").await;
    let ended = service.person("bob").await;
    let bob = service.with(&ended);
    bob.revoke(&ended.login_session_id).await.unwrap();
    service.time().advance(HOUR);
    let expired = service.with(&first).profile().await.unwrap_err();
    assert_eq!(expired.code(), Code::Unauthenticated);
    let second = service.nobody().refresh(&first).await.unwrap();
    service.with(&second).profile().await.unwrap();
    // It begins while the clock is wrong, and must know what was revoked before.
    let follower = service.follower().await;
    service.time().set_back(HOUR);
    assert!(follower.verify(&ended.access_token).is_err());
    follower.verify(&second.access_token).unwrap();
    let third = service.nobody().refresh(&second).await.unwrap();
    service.with(&third).profile().await.unwrap();
}

#[tokio::test]
async fn who_waits_after_failures_waits_no_longer_where_the_clock_is_set_back() {
    let service = Service::start().await;
    service.person("alice").await;
    let tries = async || wait_of(&guess(&service, "alice", "198.51.100.7").await);
    while tries().await.is_none() {}
    service.time().set_back(HOUR);
    let wait = tries().await.unwrap();
    assert!(wait <= Duration::from_mins(1), "{wait:?}");
    service.time().advance(wait);
    assert_eq!(tries().await, None);
}
