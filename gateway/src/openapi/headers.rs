//! Headers of answers.

use prost_reflect::MethodDescriptor;
use serde_json::{Value, json};

/// Headers that operations share, by their names, with what they say and an example.
const SHARED: [(&str, &str, &str); 5] = [
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
        "Content-Disposition",
        "The name to save the file under, if it has one.",
        "attachment; filename=\"maren.png\"",
    ),
];

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
pub(super) fn of_answer(method: &MethodDescriptor, is_file: bool) -> Value {
    let mut names = vec!["RateLimit", "RateLimit-Policy", "X-Request-Id"];
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
