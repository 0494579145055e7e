//! The layers of the server stack, and their order.

use std::time::Duration;

use http::{HeaderMap, Request, header};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::ServiceExt;
use troupe_mesh::Server;
use troupe_mesh::server::Limits;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::users as pb;

use crate::fake_users::{FakeUsers, PANICS, World, bearing, login};

const LOGIN: &str = "/troupe.users.v1.AuthService/Login";

/// Calls a method with an empty message, and returns the headers of the answer.
async fn raw(server: &Server, path: &str, request_id: &str) -> HeaderMap {
    let frame = http_body_util::Full::new(bytes::Bytes::from_static(&[0; 5]));
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/grpc")
        .header("x-request-id", request_id)
        .body(Body::new(frame))
        .unwrap();
    let answer = server.clone().oneshot(request).await.unwrap();
    answer.headers().clone()
}

fn status(headers: &HeaderMap) -> Status {
    Status::from_header_map(headers).unwrap()
}

#[tokio::test]
async fn every_answer_carries_the_request_id_refusals_too() {
    let world = World::new();
    for (path, code) in [
        ("/troupe.users.v1.AuthService/GetJwks", None),
        (LOGIN, Some(Code::InvalidArgument)),
        (
            "/troupe.users.v1.UserService/GetProfile",
            Some(Code::Unauthenticated),
        ),
        (
            "/troupe.users.v1.AuthService/WatchAccess",
            Some(Code::Unimplemented),
        ),
        (
            "/troupe.users.v1.AuthService/Nothing",
            Some(Code::Unimplemented),
        ),
        ("/", Some(Code::Unimplemented)),
    ] {
        let headers = raw(&world.server, path, "my-request").await;
        assert_eq!(headers["x-request-id"], "my-request", "{path}");
        let seen = Status::from_header_map(&headers).map(|s| s.code());
        assert_eq!(seen.filter(|c| *c != Code::Ok), code, "{path}");
    }
}

#[tokio::test]
async fn makes_a_request_id_where_there_is_none_that_a_log_could_take() {
    let world = World::new();
    for sent in ["", "has space", &"x".repeat(129)] {
        let headers = raw(&world.server, LOGIN, sent).await;
        let id = headers["x-request-id"].to_str().unwrap();
        assert!(id.starts_with("req_"), "{id}");
    }
}

#[tokio::test]
async fn the_handler_sees_the_request_id_that_the_caller_gets() {
    let world = World::new();
    let answer = world.auth().login(login("alice@")).await.unwrap();
    let sent = answer
        .metadata()
        .get("x-request-id")
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(answer.into_inner().tokens.unwrap().user_id, sent);
}

#[tokio::test]
async fn an_unknown_method_says_so() {
    let world = World::new();
    let refused = status(&raw(&world.server, "/troupe.users.v1.AuthService/Nothing", "r").await);
    assert_eq!(reason_of(&refused), Some(Reason::UnknownMethod));
    assert!(refused.message().contains("no such method"), "{refused}");
}

#[tokio::test]
async fn a_panic_costs_one_call() {
    let world = World::new();
    let refused = world.auth().login(login("panic@")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
    assert_eq!(reason_of(&refused), Some(Reason::Internal));
    assert!(!refused.message().contains("as the test asked"));
    assert!(refused.metadata().contains_key("x-request-id"));
    world.auth().login(login("alice@")).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_panics_ends_with_internal() {
    let world = World::new();
    let watch = pb::WatchAccessRequest {};
    let mut stream = world
        .as_role(PANICS)
        .watch_access(watch)
        .await
        .unwrap()
        .into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let refused = stream.message().await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::Internal));
}

#[tokio::test]
async fn calls_over_the_limit_are_refused_at_once_and_told_when_to_come_back() {
    let limits = Limits {
        concurrent_calls: 1,
    };
    let world = World::with(FakeUsers::default(), limits);
    let (mut first, began, gate) = (
        world.auth(),
        world.users.began.clone(),
        world.users.gate.clone(),
    );
    let holding = first.login(login("wait@"));
    let refusing = async {
        began.notified().await;
        let refused = world.auth().login(login("alice@")).await.unwrap_err();
        // Shed before anybody looks who calls, or for which method.
        let stranger = raw(
            &world.server,
            "/troupe.users.v1.UserService/GetProfile",
            "r",
        )
        .await;
        gate.notify_one();
        (refused, stranger)
    };
    let (held, (refused, stranger)) = tokio::join!(holding, refusing);
    held.unwrap();
    for refused in [refused, status(&stranger)] {
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert_eq!(reason_of(&refused), Some(Reason::Overloaded));
        let delay = refused.get_details_retry_info().unwrap().retry_delay;
        assert_eq!(delay, Some(Duration::from_secs(1)));
    }
    assert_eq!(stranger["x-request-id"], "r");
    world.auth().login(login("alice@")).await.unwrap();
}

#[tokio::test]
async fn who_calls_is_asked_before_what_they_send() {
    let world = World::new();
    let bad = pb::UpdateProfileRequest::default();
    let nobody = world.user().update_profile(bad.clone()).await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
    let person = bearing(&world.token(), bad);
    let person = world.user().update_profile(person).await.unwrap_err();
    assert_eq!(person.code(), Code::InvalidArgument);
}
