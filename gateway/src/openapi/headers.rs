//! Headers of requests and answers.

use http::Method;
use prost_reflect::{Kind, MessageDescriptor, MethodDescriptor};
use serde_json::{Value, json};

use crate::rule::Rule;

/// Headers that operations share, by their names, with what they say and an example.
const SHARED: [(&str, &str, &str); 6] = [
    (
        "RateLimit",
        "What is left of the budget that the call drew on, and after how many seconds there is more.",
        "\"read\";r=187;t=1",
    ),
    (
        "RateLimit-Policy",
        "The budget: how many calls in how many seconds.",
        "\"read\";q=200;w=4",
    ),
    (
        "Retry-After",
        "After how many seconds to send the request again.",
        "2",
    ),
    (
        "X-Request-Id",
        "The id of the request, which finds it in the operator's log. A client may send its own.",
        "019a0b3c-7d2e-7f41-8c55-1e2d3c4b5a69",
    ),
    (
        "ETag",
        "Which state of the resource it is: what `If-Match` and `If-None-Match` take.",
        "\"3f2a9c\"",
    ),
    (
        "Content-Disposition",
        "The name to save the file under, if it has one.",
        "attachment; filename=\"maren.png\"",
    ),
];

/// Names of components.
const IDEMPOTENCY_KEY: &str = "IdempotencyKey";
pub(super) const IF_MATCH: &str = "IfMatch";
pub(super) const IF_NONE_MATCH: &str = "IfNoneMatch";

/// Headers that a request may have, by the names of their components, with the header and what it says.
const ASKED: [(&str, &str, &str); 3] = [
    (
        IDEMPOTENCY_KEY,
        "Idempotency-Key",
        "The `requestId`: a request that is sent again with it is carried out once. If the request has one too, it must be the same.",
    ),
    (
        IF_MATCH,
        "If-Match",
        "The `ETag` that the resource must still have. If it has another, nothing changes and the status is 412.",
    ),
    (
        IF_NONE_MATCH,
        "If-None-Match",
        "The `ETag` of what the client has. If that is still so, the status is 304 and the answer is empty.",
    ),
];

/// The components of parameters.
pub(super) fn parameters() -> Value {
    let parameters = ASKED.iter().map(|(component, name, description)| {
        let parameter = json!({
            "name": name,
            "in": "header",
            "description": description,
            "schema": { "type": "string" },
        });
        ((*component).to_owned(), parameter)
    });
    Value::Object(parameters.collect())
}

/// The headers that a request of a method may have.
pub(super) fn of_request(method: &MethodDescriptor, rule: &Rule) -> Vec<Value> {
    let names = ASKED.iter().map(|(component, ..)| component);
    let names = names.filter(|component| may_have(method, rule, component));
    names
        .map(|component| json!({ "$ref": format!("#/components/parameters/{component}") }))
        .collect()
}

/// Whether a request of a method may have the header of a component.
pub(super) fn may_have(method: &MethodDescriptor, rule: &Rule, component: &str) -> bool {
    let input = method.input();
    let reads = rule.method == Some(Method::GET);
    let changes = [Some(Method::PATCH), Some(Method::PUT)].contains(&rule.method);
    match component {
        IDEMPOTENCY_KEY => input.get_field_by_name("request_id").is_some(),
        IF_MATCH => {
            let resource = input.get_field_by_name(&rule.body).map(|it| it.kind());
            let in_resource = matches!(&resource, Some(Kind::Message(it)) if has_etag(it));
            !reads && (has_etag(&input) || changes && in_resource)
        }
        _ => reads && has_state(method, rule),
    }
}

/// Whether an answer is a resource that says which state it is.
fn has_state(method: &MethodDescriptor, rule: &Rule) -> bool {
    let output = method.output();
    let answer = match output.get_field_by_name(&rule.response_body) {
        Some(field) => match field.kind() {
            Kind::Message(inner) => inner,
            _ => return false,
        },
        None => output,
    };
    has_etag(&answer)
}

fn has_etag(message: &MessageDescriptor) -> bool {
    let field = message.get_field_by_name("etag");
    field.is_some_and(|field| field.kind() == Kind::String && !field.is_list())
}

/// The components.
pub(super) fn shared() -> Value {
    let headers = SHARED.iter().map(|(name, description, example)| {
        let header = json!({
            "description": description,
            "schema": { "type": "string" },
            "example": example,
        });
        ((*name).to_owned(), header)
    });
    Value::Object(headers.collect())
}

/// Those of an answer, which may be a file.
pub(super) fn of_answer(method: &MethodDescriptor, rule: &Rule, is_file: bool) -> Value {
    let mut names = vec!["RateLimit", "RateLimit-Policy", "X-Request-Id"];
    if has_state(method, rule) {
        names.push("ETag");
    }
    if is_file {
        names.push("Content-Disposition");
    }
    let mut headers = referred(&names);
    let options = method.method_descriptor_proto().options.as_ref();
    if options.is_some_and(|options| options.deprecated()) {
        for (name, description) in [
            (
                "Deprecation",
                "Since when the method is deprecated (RFC 9745).",
            ),
            (
                "Sunset",
                "From when on it can't be called any more, if that is known (RFC 8594).",
            ),
        ] {
            headers[name] = json!({ "description": description, "schema": { "type": "string" } });
        }
    }
    headers
}

/// Those of a refusal with a status.
pub(super) fn of_refusal(status: u16) -> Value {
    match status {
        429 => referred(&[
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
            "X-Request-Id",
        ]),
        _ => referred(&["X-Request-Id"]),
    }
}

fn referred(names: &[&str]) -> Value {
    let headers = names.iter().map(|name| {
        let reference = json!({ "$ref": format!("#/components/headers/{name}") });
        ((*name).to_owned(), reference)
    });
    Value::Object(headers.collect())
}
