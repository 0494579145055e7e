//! What is told of accounts, and told again.

use std::time::Duration;

use testkit::Witness;
use testkit::witness::silence;
use troupe_proto::events::AccountRegistered;
use troupe_users::Users;

use crate::harness::{PASSWORD, Service, email};

#[tokio::test]
async fn tells_of_an_account_once_and_not_of_who_registers_again() {
    let service = Service::start().await;
    let mut witness = Witness::enter(&service.host).await.unwrap();
    for name in ["alice", "alice", "bob"] {
        let registered = service.nobody().register(&email(name), PASSWORD).await;
        registered.unwrap();
    }
    let alice: AccountRegistered = witness.hear_of().await;
    assert!(alice.user_id.starts_with("usr_"));
    let bob: AccountRegistered = witness.hear_of().await;
    assert_ne!(alice.user_id, bob.user_id);
}

#[tokio::test]
async fn nobody_is_registered_of_whom_can_not_be_told() {
    let service = Service::start().await;
    silence(&service.store().await).await.unwrap();
    let alice = email("alice");
    service
        .nobody()
        .register(&alice, PASSWORD)
        .await
        .unwrap_err();
    service.nobody().login(&alice, PASSWORD).await.unwrap_err();
}

#[tokio::test]
async fn tells_again_who_registered_to_who_came_later() {
    let service = Service::start().await;
    let mut witness = Witness::enter(&service.host).await.unwrap();
    for name in ["alice", "bob"] {
        let registered = service.nobody().register(&email(name), PASSWORD).await;
        registered.unwrap();
    }
    let told = [witness.hear().await.unwrap(), witness.hear().await.unwrap()];
    service.time().advance(Duration::from_secs(1));
    let service = service.restart().await;
    let mut late = Witness::enter_late(&service.host).await.unwrap();
    for _ in 0..2 {
        let again = service::retell::<Users>(&service.host, |_, _| {}).await;
        assert_eq!(again.unwrap(), 2);
    }
    service
        .nobody()
        .register(&email("carol"), PASSWORD)
        .await
        .unwrap();
    let mut heard = Vec::new();
    for _ in 0..3 {
        heard.push(late.hear().await.unwrap());
    }
    let carol = heard.iter().position(|heard| !told.contains(heard));
    heard.remove(carol.unwrap());
    heard.sort_by_key(|heard| heard.id);
    let mut told = told.to_vec();
    told.sort_by_key(|heard| heard.id);
    assert_eq!(heard, told);
}
