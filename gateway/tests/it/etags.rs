//! The `etag` of a resource as HTTP has it: `ETag`, `If-Match` and `If-None-Match`.

use bytes::Bytes;
use http::StatusCode;
use prost::Message;
use serde_json::json;
use tonic::{Request, Response, Status};

use crate::harness::Edge;

const THING: &str = "/v1/things/t1";

/// What a thing is here.
#[derive(Clone, PartialEq, Message)]
struct Thing {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "20")]
    etag: String,
}

/// A thing whose etag is its id.
pub(crate) async fn read(request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
    let mut thing = Thing::decode(request.into_inner()).unwrap();
    thing.etag.clone_from(&thing.id);
    Ok(Response::new(thing.encode_to_vec().into()))
}

/// Sends a request back as it came.
pub(crate) async fn delete(request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
    Ok(Response::new(request.into_inner()))
}

#[tokio::test]
async fn an_answer_says_which_state_it_is_and_is_not_sent_again() {
    let edge = Edge::start().await;
    let answer = edge.send("GET", THING, &[], "").await;
    assert_eq!(answer.header("etag"), "\"t1\"");
    for known in ["\"t1\"", "W/\"t1\"", "\"t0\", \"t1\"", "*"] {
        let answer = edge
            .send("GET", THING, &[("if-none-match", known)], "")
            .await;
        assert_eq!(
            (answer.status, &answer.body[..]),
            (StatusCode::NOT_MODIFIED, &b""[..])
        );
        assert_eq!(answer.header("etag"), "\"t1\"");
    }
    let other = [("if-none-match", "\"t0\"")];
    let answer = edge.send("GET", THING, &other, "").await;
    assert_eq!(answer.ok()["id"], "t1");
}

#[tokio::test]
async fn what_a_change_is_about_can_be_said_by_a_header() {
    let edge = Edge::start().await;
    for etag in ["\"e1\"", "W/\"e1\"", "e1"] {
        let headers = [("if-match", etag)];
        let answer = edge.send("DELETE", THING, &headers, "").await.ok();
        assert_eq!(answer, json!({"id": "t1", "etag": "e1"}));
        for (method, body) in [
            ("PATCH", r#"{"displayName": "A"}"#),
            ("PUT", r#"{"displayName": "A", "etag": "e0"}"#),
        ] {
            let answer = edge.send(method, THING, &headers, body).await.ok();
            let thing = json!({"id": "t1", "displayName": "A", "etag": "e1"});
            assert_eq!(answer["thing"], thing, "{method} {etag}");
        }
    }
    let any = [("if-match", "*")];
    let answer = edge.send("DELETE", THING, &any, "").await.ok();
    assert_eq!(answer, json!({"id": "t1"}));
}

#[tokio::test]
async fn what_a_header_says_holds_or_the_change_is_refused() {
    let edge = Edge::start().await;
    let headers = [("if-match", "\"e1\"")];
    let stale = format!("{THING}?refuse=etag");
    let answer = edge.send("PATCH", &stale, &headers, "{}").await;
    assert_eq!(answer.error(), (412, 10));
    let answer = edge.send("PATCH", &stale, &[], "{}").await;
    assert_eq!(answer.error(), (409, 10));

    // Nobody believes that a header holds which can't be held.
    let answer = edge.send("POST", "/v1/echo", &headers, "{}").await;
    assert_eq!(answer.error(), (400, 3));
    let several = [("if-match", "\"e1\", \"e2\"")];
    let answer = edge.send("DELETE", THING, &several, "").await;
    assert_eq!(answer.error(), (400, 3));
    assert!(answer.text().contains("if-match"));
    // Nothing is changed by a read.
    edge.send("GET", THING, &headers, "").await.ok();
}
