//! What goes along when one service calls another, and what doesn't.

use std::time::Duration;

use platform::trace::Cause;
use tonic::{Code, Request};
use troupe_mesh::server::Limits;
use troupe_mesh::{Channel, Ctx, Role};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::users as pb;

use crate::fake_users::{FakeUsers, SILENT, World, bearing, login};

/// Two services: the first asks the second.
fn chain(patience: Option<Duration>) -> (World, World) {
    let last = World::new();
    let users = FakeUsers {
        next: Some(Channel::in_process(&last.server, Role::Roleplay)),
        patience,
        ..FakeUsers::default()
    };
    (World::with(users, Limits::default()), last)
}

async fn ask(first: &World, timeout: Option<Duration>) -> pb::Profile {
    let mut request = bearing(&first.token(), pb::GetProfileRequest {});
    let id = "the-request".parse().unwrap();
    request.metadata_mut().insert("x-request-id", id);
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    let answer = first.user().get_profile(request).await.unwrap();
    answer.into_inner().profile.unwrap()
}

#[tokio::test(start_paused = true)]
async fn request_id_token_and_deadline_go_along() {
    let (first, _last) = chain(None);
    let seen = ask(&first, Some(Duration::from_secs(3))).await;
    assert!(seen.id.starts_with("usr_"));
    assert_eq!(seen.bio, "the-request");
    assert_eq!(seen.display_name, "3000");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_method_called_bounds_what_is_left() {
    let (first, _last) = chain(None);
    assert_eq!(ask(&first, None).await.display_name, "5000");
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_be_less_patient_than_its_own_deadline_and_not_more() {
    let (first, _last) = chain(Some(Duration::from_secs(1)));
    assert_eq!(ask(&first, None).await.display_name, "1000");
    let (first, _last) = chain(Some(Duration::from_secs(60)));
    let seen = ask(&first, Some(Duration::from_secs(2))).await;
    assert_eq!(seen.display_name, "2000");
}

#[tokio::test(start_paused = true)]
async fn a_job_s_time_limit_bounds_its_calls() {
    let world = World::new();
    let cause = Cause {
        request_id: "the-job".into(),
        ..Cause::new()
    };
    let job = Ctx::of_job(Role::Roleplay, &cause, Duration::from_secs(2));
    let mut users = world.as_role(Role::Roleplay);
    let refused = users.login(job.request(login("hang@"))).await.unwrap_err();
    assert_eq!(refused.code(), Code::DeadlineExceeded);
    assert_eq!(refused.metadata().get("x-request-id").unwrap(), "the-job");
}

#[tokio::test]
async fn methods_for_roles_exist_for_the_roles_that_the_contract_names() {
    let world = World::new();
    let watch = || pb::WatchAccessRequest {};
    world.as_role(SILENT).watch_access(watch()).await.unwrap();
    let stranger = world.as_role(Role::Analytics).watch_access(watch()).await;
    let client = world.auth().watch_access(watch()).await;
    let person = world
        .auth()
        .watch_access(bearing(&world.token(), watch()))
        .await;
    for refused in [stranger, client, person] {
        let refused = refused.err().unwrap();
        assert_eq!(refused.code(), Code::Unimplemented);
        assert_eq!(reason_of(&refused), Some(Reason::UnknownMethod));
    }
}

#[tokio::test]
async fn a_role_is_no_person() {
    let world = World::new();
    let channel = Channel::in_process(&world.server, SILENT);
    let mut users = pb::user_service_client::UserServiceClient::new(channel);
    let refused = users
        .get_profile(pb::GetProfileRequest {})
        .await
        .unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::TokenMissing));
}

#[tokio::test]
async fn the_handler_sees_the_client_s_address() {
    let world = World::new();
    for (sent, seen) in [("2001:db8::1", "2001:db8::1"), ("nonsense", "")] {
        let mut request: Request<_> = bearing(&world.token(), pb::GetProfileRequest {});
        let value = sent.parse().unwrap();
        request
            .metadata_mut()
            .insert("x-troupe-client-address", value);
        let answer = world.user().get_profile(request).await.unwrap();
        assert_eq!(answer.into_inner().profile.unwrap().locale, seen);
    }
}
