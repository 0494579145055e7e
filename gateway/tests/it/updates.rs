//! Updates, the names of fields in refusals, and ids of requests.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use serde_json::{Value, json};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
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
    if let Some(text) = field.strip_prefix("text:") {
        let details = ErrorDetails::with_bad_request_violation("thing", text);
        return Err(Status::with_error_details(
            Code::InvalidArgument,
            text,
            details,
        ));
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
        ("thing.display_name", "displayName"),
        ("thing.renamed", "otherName"),
        (
            "thing.things[2].inner_thing.display_name",
            "things[2].innerThing.displayName",
        ),
        (
            "thing.by_name[\"a_b.c\"].display_name",
            "byName[\"a_b.c\"].displayName",
        ),
        ("update_mask", "updateMask"),
        ("of_no_message", "ofNoMessage"),
        ("thing.tags", "tags"),
        ("thing", "body"),
        ("things", "things"),
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
async fn a_body_with_its_names_keeps_them_in_refusals() {
    let edge = Edge::start().await;
    let body = r#"{"refuse": "thing.things[2].display_name"}"#;
    for path in ["/v1/things", "/echo.v1.EchoService/Update"] {
        let answer = edge.post(path, body).await;
        assert_eq!(answer.status.as_u16(), 400);
        let (path, text) = ("thing.things[2].displayName", answer.text());
        assert!(text.contains(&format!("\"{path}\"")), "{text}");
        assert!(text.contains(&format!("{path} is wrong")), "{text}");
    }
}

#[tokio::test]
async fn what_a_body_has_wrong_is_named_as_in_the_body() {
    let edge = Edge::start().await;
    for (body, place) in [
        (r#"{"nope": 1}"#, "nope"),
        (r#"{"innerThing": {"nope": 1}}"#, "innerThing.nope"),
        (r#"{"things": [{}, {"maybe": "x"}]}"#, "things[1].maybe"),
        (r#"{"byName": {"a": {"tags": [1]}}}"#, "byName[a].tags[0]"),
        ("[]", "body"),
        ("7", "body"),
    ] {
        let answer = edge.send("PATCH", THING, &[], body).await;
        assert_eq!(answer.error(), (400, 3), "{body}");
        let answer = answer.json();
        assert_eq!(field(&answer), place, "{body}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{place} ")), "{message}");
    }
    let numbers = edge.send("PUT", "/v1/echo/a/numbers", &[], r#"[1, "x"]"#);
    assert_eq!(field(&numbers.await.json()), "[1]");
    let target = "/v1/things/t1?updateMask=displayName,nope";
    let answer = edge.send("PATCH", target, &[], "{}").await.json();
    assert_eq!(field(&answer), "updateMask");
    // What is wrong with the text has no place, wherever it is.
    let connect = "/echo.v1.EchoService/Update";
    for text in [
        "{",
        r#"{"displayName": x}"#,
        r#"{"displayName": "a"#,
        r#"{"things": [{"displayName": tru}]}"#,
        r#"{"byName": {"a": {"tags": [-]}}}"#,
    ] {
        let whole = format!("{{\"thing\": {text}}}");
        for (method, path, text) in [("PATCH", THING, text), ("POST", connect, whole.as_str())] {
            let headers = [("content-type", "application/json")];
            let broken = edge.send(method, path, &headers, text.to_owned()).await;
            assert_eq!(broken.status.as_u16(), 400, "{text}");
            let message = broken.json()["message"].as_str().unwrap().to_owned();
            assert!(message.starts_with("the JSON text"), "{text}: {message}");
        }
    }
}

#[tokio::test]
async fn words_of_refusals_spell_fields_as_json_does() {
    let edge = Edge::start().await;
    let text = "send display_name, thing.inner_thing.display_name or update_mask. Not 'display_name', \
                a_word or /display_name";
    let spelled = "send displayName, innerThing.displayName or updateMask. Not 'display_name', \
                   a_word or /display_name";
    let target = format!("{THING}?refuse=text:{}", text.replace(' ', "%20"));
    let answer = edge.send("PATCH", &target, &[], "{}").await;
    assert_eq!(answer.error(), (400, 3));
    assert_eq!(answer.json()["message"], spelled);
    let details = &answer.json()["details"];
    let violation = details.as_array().unwrap().iter();
    let mut violation = violation.map(|it| &it["fieldViolations"][0]["description"]);
    assert!(violation.any(|it| it == spelled), "{details}");
    // Whoever writes the contract's names reads them.
    let request = Request::new(Refuse {
        field: format!("text:{text}"),
    });
    let codec = ProstCodec::<Refuse, Refuse>::default();
    let mut client = crate::grpc::client(&edge).await;
    let refused = client.unary(request, crate::grpc::path("Update"), codec);
    assert_eq!(refused.await.unwrap_err().message(), text);
}

#[tokio::test]
async fn a_header_fills_an_empty_id_of_the_request() {
    let edge = Edge::start().await;
    let key = ("idempotency-key", "k-1");
    for (method, target, body, id) in [
        ("PATCH", THING, "{}", "k-1"),
        ("POST", "/v1/things", r#"{"requestId": ""}"#, "k-1"),
        ("POST", "/v1/things", r#"{"requestId": "k-1"}"#, "k-1"),
        ("PATCH", "/v1/things/t1?requestId=", "{}", "k-1"),
        ("PATCH", "/v1/things/t1?requestId=k-1", "{}", "k-1"),
        ("PATCH", THING, "", "k-1"),
    ] {
        let answer = edge.send(method, target, &[key], body).await.ok();
        assert_eq!(answer["requestId"], id, "{method} {target} {body}");
    }
    let answer = edge.send("PATCH", THING, &[], "{}").await.ok();
    assert_eq!(answer["requestId"], Value::Null);
}

#[tokio::test]
async fn a_header_beside_another_id_of_the_request_is_refused() {
    let edge = Edge::start().await;
    let headers = [
        ("idempotency-key", "k-1"),
        ("content-type", "application/json"),
    ];
    let connect = "/echo.v1.EchoService/Update";
    for (method, target, body) in [
        ("POST", "/v1/things", r#"{"requestId": "mine"}"#),
        ("POST", "/v1/things", r#"{"request_id": "k-10"}"#),
        ("PATCH", "/v1/things/t1?requestId=mine", "{}"),
        ("PATCH", "/v1/things/t1?request_id=mine", ""),
        ("POST", connect, r#"{"requestId": "mine"}"#),
    ] {
        let answer = edge.send(method, target, &headers, body).await;
        let text = answer.text();
        assert_eq!(answer.status.as_u16(), 400, "{text}");
        for name in ["requestId", "idempotency-key", "INVALID_REQUEST"] {
            assert!(text.contains(name), "{target} {body}: {text}");
        }
    }
    let answer = edge.post(connect, r#"{"requestId": "mine"}"#).await.ok();
    assert_eq!(answer["requestId"], "mine");
}

#[tokio::test]
async fn an_update_with_its_names_gets_no_mask_of_the_gateway() {
    let edge = Edge::start().await;
    let body = r#"{"thing": {"id": "t1", "displayName": "", "word": "x"}}"#;
    for path in ["/v1/things", "/echo.v1.EchoService/Update"] {
        let answer = edge.post(path, body).await.ok();
        assert_eq!(answer, json!({"thing": {"id": "t1", "word": "x"}}));
    }
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
