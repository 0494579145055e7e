//! Updates, the names of fields in refusals, and ids of requests.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use serde_json::{Value, json};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};
use troupe_proto::{Reason, error};

use crate::harness::Edge;

const THING: &str = "/v1/things/t1";

/// What of an update decides over the answer.
#[derive(Clone, PartialEq, Message)]
struct Refuse {
    #[prost(string, tag = "3")]
    field: String,
}

/// Sends an update back as it came, or refuses the field that it names.
pub(crate) async fn update(request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
    let request = request.into_inner();
    let Refuse { field } = Refuse::decode(request.clone()).unwrap();
    match field.as_str() {
        "" => return Ok(Response::new(request)),
        "etag" => return Err(error::status(Reason::EtagMismatch, "it was changed")),
        _ => {}
    }
    let mut details = ErrorDetails::with_bad_request_violation(&field, "is wrong");
    details.set_retry_info(Some(Duration::from_millis(1500)));
    let message = format!("{field} is wrong");
    Err(Status::with_error_details(
        Code::InvalidArgument,
        message,
        details,
    ))
}

fn field(answer: &Value) -> &str {
    let details = answer["details"].as_array().unwrap();
    let mut violations = details.iter().map(|it| &it["fieldViolations"]);
    let violations = violations.find(|it| it.is_array()).unwrap();
    violations[0]["field"].as_str().unwrap()
}

#[tokio::test]
async fn an_update_gets_the_mask_of_its_body() {
    let edge = Edge::start().await;
    let body = r#"{"displayName": "", "innerThing": {"tags": null}}"#;
    let answer = edge.send("PATCH", THING, &[], body).await;
    assert_eq!(
        answer.ok(),
        json!({"thing": {"id": "t1", "innerThing": {}}, "updateMask": "displayName,innerThing.tags"})
    );
}

#[tokio::test]
async fn refusals_of_services_name_fields_as_json_does() {
    let edge = Edge::start().await;
    for (contract, spelled) in [
        ("thing.display_name", "thing.displayName"),
        ("thing.renamed", "thing.otherName"),
        (
            "thing.things[2].inner_thing.display_name",
            "thing.things[2].innerThing.displayName",
        ),
        (
            "thing.by_name[\"a_b\"].display_name",
            "thing.byName[\"a_b\"].displayName",
        ),
        ("update_mask", "updateMask"),
        ("of_no_message", "ofNoMessage"),
        ("thing.tags", "thing.tags"),
    ] {
        let target = format!("{THING}?refuse={}", contract.replace('"', "%22"));
        let answer = edge.send("PATCH", &target, &[], "{}").await;
        assert_eq!(answer.error(), (400, 3));
        let answer = answer.json();
        assert_eq!(field(&answer), spelled);
        assert_eq!(answer["message"], format!("{spelled} is wrong"));
        // What else the service told is still there.
        let details = answer["details"].as_array().unwrap();
        assert!(details.iter().any(|it| it["retryDelay"] == "1.500s"));
    }
}

#[tokio::test]
async fn a_header_fills_an_empty_id_of_the_request() {
    let edge = Edge::start().await;
    let key = ("idempotency-key", "k-1");
    for (method, target, body, id) in [
        ("PATCH", THING, "{}", "k-1"),
        ("POST", "/v1/things", r#"{"requestId": ""}"#, "k-1"),
        ("POST", "/v1/things", r#"{"requestId": "mine"}"#, "mine"),
        ("PATCH", "/v1/things/t1?requestId=", "{}", "k-1"),
        ("PATCH", "/v1/things/t1?requestId=mine", "{}", "mine"),
        ("PATCH", THING, "", "k-1"),
    ] {
        let answer = edge.send(method, target, &[key], body).await.ok();
        assert_eq!(answer["requestId"], id, "{method} {target} {body}");
    }
    let answer = edge.send("PATCH", THING, &[], "{}").await.ok();
    assert_eq!(answer["requestId"], Value::Null);
}

#[tokio::test]
async fn a_header_that_is_no_id_is_refused_where_an_id_is_taken() {
    let edge = Edge::start().await;
    let long = "k".repeat(65);
    for key in ["", long.as_str()] {
        let headers = [("idempotency-key", key)];
        let answer = edge.send("PATCH", THING, &headers, "{}").await;
        assert_eq!(answer.error(), (400, 3), "{key}");
        assert!(answer.text().contains("idempotency-key"));
        edge.send("POST", "/v1/echo", &headers, "{}").await.ok();
    }
}
