//! Every body has an example, which is a message of the contract and, in an answer, exactly what the gateway writes.

use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use serde_json::Value;

use super::ours;
use crate::openapi::bodies::{is_file, message_of};
use crate::openapi::names::lower_camel;
use crate::rule::{Rule, rules};
use crate::schema::Schema;
use crate::transcode::Encoder;

fn decoded(message: &MessageDescriptor, example: &Value, place: &str) -> Vec<u8> {
    let read = DynamicMessage::deserialize(message.clone(), example);
    read.unwrap_or_else(|problem| panic!("{place}: {problem} in {example}"))
        .encode_to_vec()
}

fn written(schema: &Schema, message: &MessageDescriptor, bytes: &[u8]) -> Value {
    let id = schema.message_by_name(message.full_name()).unwrap();
    let mut out = Vec::new();
    Encoder::new(schema, true)
        .message(id, bytes, &mut out)
        .unwrap();
    serde_json::from_slice(&out).unwrap()
}

/// The message of a body: that of a field, or the whole one.
fn message(whole: MessageDescriptor, field: &str) -> Option<MessageDescriptor> {
    match field {
        "" | "*" => Some(whole),
        field => message_of(&whole.get_field_by_name(field).unwrap()),
    }
}

fn operation<'d>(document: &'d Value, method: &MethodDescriptor) -> Option<&'d Value> {
    let id = lower_camel(method.name());
    let items = document["paths"].as_object().unwrap().values();
    let mut operations = items.flat_map(|item| item.as_object().unwrap().values());
    operations.find(|operation| operation["operationId"] == *id)
}

/// The examples of a media type, of which there must be one.
fn examples<'d>(content: &'d Value, place: &str) -> Vec<&'d Value> {
    let one = content.get("example").into_iter();
    let several = content["examples"].as_object().into_iter().flatten();
    let all: Vec<&Value> = one
        .chain(several.map(|(_, example)| &example["value"]))
        .collect();
    assert!(!all.is_empty(), "{place} has no example");
    all
}

fn check_request(method: &MethodDescriptor, rule: &Rule, operation: &Value) -> usize {
    let content = &operation["requestBody"]["content"]["application/json"];
    let message = message(method.input(), &rule.body);
    let Some(message) = message.filter(|_| content.is_object()) else {
        return 0;
    };
    let place = format!("the request of {}", method.name());
    let examples = examples(content, &place);
    // A file is no message. Whether it can be read, the end-to-end test sees that sends each example.
    for example in examples.iter().filter(|_| !is_file(&message)) {
        decoded(&message, example, &place);
    }
    examples.len()
}

fn check_answer(
    schema: &Schema,
    method: &MethodDescriptor,
    rule: &Rule,
    operation: &Value,
) -> usize {
    let message = message(method.output(), &rule.response_body).filter(|it| !is_file(it));
    let Some(message) = message else {
        return 0;
    };
    let place = format!("the answer of {}", method.name());
    let content = operation["responses"]["200"]["content"]
        .as_object()
        .unwrap();
    let examples = examples(content.values().next().unwrap(), &place);
    for example in &examples {
        let bytes = decoded(&message, example, &place);
        assert_eq!(written(schema, &message, &bytes), **example, "{place}");
    }
    examples.len()
}

#[test]
fn every_body_has_an_example_that_the_contract_allows() {
    let (document, pool) = (ours(), troupe_proto::descriptor_pool());
    let schema = Schema::new(pool);
    let (mut requests, mut answers) = (0, 0);
    for method in pool
        .services()
        .flat_map(|it| it.methods().collect::<Vec<_>>())
    {
        let (Some(rule), Some(operation)) = (
            rules(pool, &method).unwrap().into_iter().next(),
            operation(&document, &method),
        ) else {
            continue;
        };
        requests += check_request(&method, &rule, operation);
        answers += check_answer(&schema, &method, &rule, operation);
    }
    assert!(requests > 15 && answers > 45, "{requests} and {answers}");
}

#[test]
fn what_is_said_beside_a_contract_is_about_its_messages() {
    let pool = troupe_proto::descriptor_pool();
    for (package, json) in troupe_proto::EXAMPLES {
        let said: serde_json::Map<String, Value> = serde_json::from_str(json).unwrap();
        for (name, members) in said {
            let message = pool.get_message_by_name(&format!("{package}.{name}"));
            let message = message.unwrap_or_else(|| panic!("{package} has no {name}"));
            for member in members.as_object().unwrap().keys() {
                let field = message.get_field_by_json_name(member);
                assert!(field.is_some(), "{package}.{name} has no {member}");
            }
        }
    }
}

#[test]
fn examples_of_answers_have_no_value_that_is_never_sent() {
    let text = ours()["paths"].to_string();
    let mut unspecified = text.match_indices("_UNSPECIFIED\"");
    // A generation that runs has no reason to have finished.
    assert!(unspecified.all(|(at, _)| text[..at].ends_with("FINISH_REASON")));
}
