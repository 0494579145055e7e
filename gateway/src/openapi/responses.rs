//! The responses of an operation: its answer, and a refusal for each HTTP status by which the client is at fault, with the
//! reasons for it.

use std::collections::BTreeMap;

use prost_reflect::{Kind, MethodDescriptor};
use serde_json::{Map, Value, json};
use troupe_proto::policy::{self, Audience, MethodPolicy};
use troupe_proto::reason::{REASONS, ReasonPolicy};
use troupe_proto::{Reason, Retry};

use super::schemas::Schemas;
use crate::rule::Rule;

/// Reasons by the HTTP status of their refusals.
type ByStatus = BTreeMap<u16, Vec<&'static ReasonPolicy>>;

/// The responses of a method.
pub(super) fn of(method: &MethodDescriptor, rule: &Rule, schemas: &mut Schemas<'_>) -> Value {
    let output = method.output();
    let field = output.get_field_by_name(&rule.response_body);
    let schema = match &field {
        Some(field) => schemas.field(field),
        None => schemas.message(&output),
    };
    let is_raw = match field.map(|field| field.kind()) {
        Some(Kind::Message(message)) => message.full_name() == "google.api.HttpBody",
        Some(_) => false,
        None => output.full_name() == "google.api.HttpBody",
    };
    // Of a stream only events are told, though it has other forms: of several, tools take the first, and read no stream.
    let content = match () {
        () if is_raw => json!({ "*/*": { "schema": schema } }),
        () if method.is_server_streaming() => json!({
            "text/event-stream": { "schema": schema },
        }),
        () => json!({ "application/json": { "schema": schema } }),
    };
    let mut responses = json!({
        "200": { "description": "The call succeeded.", "content": content },
        "default": { "$ref": "#/components/responses/Error" },
    });
    add_refusals(method, &mut responses);
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
            true => json!({ "$ref": format!("#/components/responses/{}", shared_name(status)) }),
            false => response(&reasons),
        };
    }
}

/// The responses that methods share, by their names.
pub(super) fn shared() -> Map<String, Value> {
    let common = REASONS.iter().filter(|reason| reason.is_common);
    let mut shared = Map::new();
    for (status, reasons) in by_status(common) {
        shared.insert(shared_name(status), response(&reasons));
    }
    let error = "The call failed. The code says how, the details say why.";
    shared.insert("Error".to_owned(), with_status(error));
    shared
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

fn response(reasons: &[&ReasonPolicy]) -> Value {
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
    response
}

fn with_status(description: &str) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/google.rpc.Status" });
    json!({
        "description": description,
        "content": { "application/json": { "schema": schema } },
    })
}
