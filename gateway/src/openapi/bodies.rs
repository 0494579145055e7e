//! Bodies of requests.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use serde_json::{Map, Value, json};

use super::behaviour::Side;
use super::comments::Comments;
use super::examples::Examples;
use super::schemas::Schemas;
use crate::rule::Rule;

/// What an operation is described with.
pub(super) struct Tools<'t, 'p> {
    pub(super) schemas: &'t mut Schemas<'p>,
    pub(super) examples: &'t Examples,
    pub(super) comments: &'p Comments,
    /// The types of the file that the request or the answer is.
    pub(super) media_types: &'t [String],
}

/// The body of a method's requests, if there is anything to say in it.
pub(super) fn of(
    method: &MethodDescriptor,
    rule: &Rule,
    bound: &[String],
    tools: &mut Tools<'_, '_>,
) -> Option<Value> {
    let input = method.input();
    if rule.body == "*" && !is_file(&input) {
        let is_left = |field: &FieldDescriptor| !bound.iter().any(|name| name == field.name());
        let left: Vec<FieldDescriptor> = input.fields().filter(is_left).collect();
        if left.is_empty() {
            return None;
        }
        let is_required = left.iter().any(|field| tools.schemas.is_needed(field));
        let example = tools.examples.message(&input, bound, Side::Request);
        let schema = tools.schemas.request(&input, bound);
        return Some(body(method, schema, example, is_required));
    }
    let field = input.get_field_by_name(&rule.body);
    let message = match &field {
        Some(field) => field.kind().as_message().cloned(),
        None => (rule.body == "*").then_some(input.clone()),
    };
    let mut whole = match (message, &field) {
        (Some(message), _) if is_file(&message) => files(field.as_ref(), tools),
        (_, Some(field)) => {
            let side = side_of(&input);
            let message = message_of(field);
            let example = message.and_then(|it| tools.examples.message(&it, &[], side));
            let is_required = tools.schemas.is_needed(field);
            body(
                method,
                tools.schemas.value(field, side),
                example,
                is_required,
            )
        }
        (_, None) => return None,
    };
    if let Some(field) = field {
        let comment = tools.comments.of(&field.parent_file(), field.path());
        if !comment.is_empty() {
            whole["description"] = json!(comment);
        }
    }
    Some(whole)
}

/// A body that changes what it names, where the request has a mask.
fn side_of(input: &MessageDescriptor) -> Side {
    match input.get_field_by_name("update_mask") {
        Some(_) => Side::Patch,
        None => Side::Request,
    }
}

fn body(
    method: &MethodDescriptor,
    schema: Value,
    example: Option<Value>,
    is_required: bool,
) -> Value {
    let content = match method.is_client_streaming() {
        true => json!({
            "application/x-ndjson": { "schema": schema },
            "application/json": { "schema": { "type": "array", "items": schema } },
        }),
        false => json!({ "application/json": with_example(schema, example) }),
    };
    json!({ "content": content, "required": is_required })
}

/// A media type with an example, if there is one.
pub(super) fn with_example(schema: Value, example: Option<Value>) -> Value {
    match example {
        Some(example) => json!({ "schema": schema, "example": example }),
        None => json!({ "schema": schema }),
    }
}

/// True for a message that is any file.
pub(super) fn is_file(message: &MessageDescriptor) -> bool {
    message.full_name() == "google.api.HttpBody"
}

/// A file as the body, or as the one file of a form.
fn files(field: Option<&FieldDescriptor>, tools: &mut Tools<'_, '_>) -> Value {
    let mut content = by_type(field, tools);
    let form = json!({
        "type": "object",
        "properties": { "file": { "type": "string", "format": "binary", "description": "The file." } },
        "required": ["file"],
    });
    content.insert("multipart/form-data".to_owned(), json!({ "schema": form }));
    let is_required = field.is_none_or(|field| tools.schemas.is_needed(field));
    json!({ "content": content, "required": is_required })
}

/// The types that a file has.
pub(super) fn by_type(
    field: Option<&FieldDescriptor>,
    tools: &mut Tools<'_, '_>,
) -> Map<String, Value> {
    let any = ["application/octet-stream".to_owned()];
    let types = match tools.media_types {
        [] => &any[..],
        types => types,
    };
    let contents = types.iter().map(|media_type| {
        let content = match media_type.as_str() {
            "application/json" => with_example(
                json!({ "type": "object" }),
                field.and_then(|field| tools.examples.field(field, Side::Answer)),
            ),
            _ => json!({ "schema": { "type": "string", "format": "binary" } }),
        };
        (media_type.clone(), content)
    });
    contents.collect()
}

/// The message that a field holds.
pub(super) fn message_of(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if !field.is_list() && !field.is_map() => Some(message),
        _ => None,
    }
}
