//! Every method, called by those who may not.

use std::cell::Cell;

use testkit::access::Named;

use crate::harness::Service;

#[tokio::test]
async fn nobody_and_strangers_reach_nothing() {
    let service = Service::start().await;
    let alice = service.person("alice").await;
    let things = Named::from([
        ("login_session_id", alice.login_session_id.clone()),
        ("user_id", alice.user_id.clone()),
    ]);
    let bob = service.person("bob").await;
    let bob = service.caller(&bob);
    let named = Named::from([("display_name", "Bob".to_owned())]);
    service.lets_nobody_in(&bob, &named).await;
    let (service, number) = (&service, &Cell::new(0));
    // Some of the calls end what they are made with.
    let stranger = async || {
        number.set(number.get() + 1);
        let name = format!("stranger{}", number.get());
        service.caller(&service.person(&name).await)
    };
    service
        .shows_strangers_nothing(stranger, &things, &named)
        .await;
}

#[tokio::test]
async fn a_fault_of_the_store_is_logged_once_with_the_request_that_met_it() {
    let service = Service::start().await;
    let alice = service.caller(&service.person("alice").await);
    let path = "/troupe.users.v1.UserService/GetProfile";
    service.logs_a_fault_once(&alice, path, "users").await;
}
