//! The responses of an operation: its answer, and a refusal for each HTTP status by which the client is at fault, with the
//! reasons for it.

use std::collections::BTreeMap;

use prost_reflect::MethodDescriptor;
use serde_json::{Map, Value, json};
use troupe_proto::policy::{self, Audience, MethodPolicy};
use troupe_proto::reason::{REASONS, ReasonPolicy};
use troupe_proto::{Reason, Retry};

use super::behaviour::Side;
use super::bodies::{Tools, by_type, is_file, message_of, with_example};
use super::headers;
use crate::rule::Rule;

/// Reasons by the HTTP status of their refusals.
type ByStatus = BTreeMap<u16, Vec<&'static ReasonPolicy>>;

/// The responses of a method.
pub(super) fn of(method: &MethodDescriptor, rule: &Rule, tools: &mut Tools<'_, '_>) -> Value {
    let output = method.output();
    let field = output.get_field_by_name(&rule.response_body);
    let message = match &field {
        Some(field) => message_of(field),
        None => Some(output.clone()),
    };
    let is_raw = message.as_ref().is_some_and(is_file);
    let schema = match &field {
        Some(field) => tools.schemas.value(field, Side::Answer),
        None => tools.schemas.message(&output, Side::Answer),
    };
    let message = message.as_ref();
    // Of a stream only events are told, though it has other forms: of several, tools take the first, and read no stream.
    let content = match () {
        () if is_raw => Value::Object(by_type(field.as_ref(), tools)),
        () if method.is_server_streaming() => {
            let mut content = json!({ "schema": schema });
            if let Some(examples) = message.and_then(|it| tools.examples.choices(it)) {
                content["examples"] = Value::Object(examples);
            }
            json!({ "text/event-stream": content })
        }
        () => {
            let example = match (&field, message) {
                (_, Some(message)) => tools.examples.message(message, &[], Side::Answer),
                (Some(field), None) => tools.examples.field(field, Side::Answer),
                (None, None) => None,
            };
            json!({ "application/json": with_example(schema, example) })
        }
    };
    let comment = tools.comments.of(&output.parent_file(), output.path());
    let description = match comment {
        "" => "The call succeeded.",
        comment => comment,
    };
    let headers = headers::of_answer(method, rule, is_raw);
    let mut responses = json!({
        "200": { "description": description, "headers": headers, "content": content },
        "default": { "$ref": reference("Error") },
    });
    add_refusals(method, &mut responses);
    for (header, status, description) in [
        (headers::IF_NONE_MATCH, "304", "The client has it already."),
        (
            headers::IF_MATCH,
            "412",
            "The resource has another `ETag` than the header `If-Match` says. Nothing has changed.",
        ),
    ] {
        if headers::may_have(method, rule, header) {
            responses[status] = match status {
                "304" => json!({ "description": description }),
                _ => with_status(description),
            };
        }
    }
    responses
}

/// Adds the refusals of a method to its responses. Of methods of other makers nothing is known.
fn add_refusals(method: &MethodDescriptor, responses: &mut Value) {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let Some(policy) = policy::find(&path) else {
        return;
    };
    for (status, reasons) in of_method(policy) {
        let is_shared = reasons.iter().all(|reason| reason.is_common);
        responses[status.to_string()] = match is_shared {
            true => json!({ "$ref": reference(&shared_name(status)) }),
            false => response(status, &reasons),
        };
    }
}

/// The responses that operations of these paths share, by their names.
pub(super) fn shared(paths: &Value) -> Map<String, Value> {
    let common = REASONS.iter().filter(|reason| reason.is_common);
    let mut shared = Map::new();
    for (status, reasons) in by_status(common) {
        shared.insert(shared_name(status), response(status, &reasons));
    }
    let error = "The call failed. The code says how, the details say why.";
    shared.insert("Error".to_owned(), with_status(error));
    let paths = paths.to_string();
    shared.retain(|name, _| paths.contains(&format!("\"{}\"", reference(name))));
    shared
}

fn reference(name: &str) -> String {
    format!("#/components/responses/{name}")
}

fn shared_name(status: u16) -> String {
    format!("Error{status}")
}

fn of_method(method: &MethodPolicy) -> ByStatus {
    let is_open = method.audience == Audience::Public;
    let applies = |policy: &&ReasonPolicy| match policy.reason {
        Reason::TokenMissing | Reason::TokenInvalid => !is_open,
        Reason::PermissionDenied => method.audience == Audience::Admin,
        // What is in the document is known.
        Reason::UnknownMethod => false,
        reason => method.may_refuse_for(reason),
    };
    by_status(REASONS.iter().filter(applies))
}

fn by_status(reasons: impl Iterator<Item = &'static ReasonPolicy>) -> ByStatus {
    let mut grouped = ByStatus::new();
    for reason in reasons {
        let status = reason.http_status();
        if status.is_client_error() {
            grouped.entry(status.as_u16()).or_default().push(reason);
        }
    }
    grouped
}

fn response(status: u16, reasons: &[&ReasonPolicy]) -> Value {
    let lines = reasons.iter().map(|policy| {
        let again = match policy.retry {
            Retry::Later => " Sending it again later may succeed.",
            _ => "",
        };
        let (name, when, remedy) = (policy.reason.name(), policy.when, policy.remedy);
        format!("- `{name}`: {when} {remedy}{again}")
    });
    let mut response = with_status(&lines.collect::<Vec<_>>().join("\n"));
    let names = reasons.iter().map(|policy| policy.reason.name());
    response["x-troupe-reasons"] = names.collect();
    response["headers"] = headers::of_refusal(status);
    response
}

fn with_status(description: &str) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Status" });
    json!({
        "description": description,
        "content": { "application/json": { "schema": schema } },
    })
}
