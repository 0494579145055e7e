//! Parameters of operations: in paths and in queries.

use std::collections::BTreeMap;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value, json};

use super::behaviour::Side;
use super::examples::Examples;
use super::names::json_name;
use super::schemas::Schemas;
use crate::route::{Segment, Template};
use crate::schema::Form;

/// How deep query parameters reach into messages.
const QUERY_DEPTH: usize = 4;

/// A segment of a path.
#[derive(Clone)]
enum Part {
    Literal(String),
    Parameter(String),
}

/// The path that stands for each shape: OpenAPI tells paths apart by their shape alone.
#[derive(Default)]
pub(super) struct Paths(BTreeMap<String, Vec<Part>>);

impl Paths {
    /// The path of a template, and the parameters in it. Where another template of the same shape came first, its names
    /// are taken.
    pub(super) fn add(
        &mut self,
        input: &MessageDescriptor,
        template: &Template,
        schemas: &mut Schemas<'_>,
        examples: &Examples,
    ) -> (String, Vec<Value>) {
        let verb = template
            .verb
            .as_ref()
            .map(|verb| format!(":{verb}"))
            .unwrap_or_default();
        let parts = parts(template);
        let shape = write(&parts, |_| "{}".to_owned()) + &verb;
        let parts = self.0.entry(shape).or_insert(parts).clone();
        let mut parameters = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let Part::Parameter(name) = part else {
                continue;
            };
            let variable = template.variables.iter().find(|variable| {
                variable.start <= index && (variable.to_end || index < variable.end)
            });
            let field = variable.and_then(|variable| field_at(input, &variable.field_path));
            let is_whole = variable.is_some_and(|variable| {
                variable.start == index && (variable.to_end || !variable.spans_segments())
            });
            let Some(field) = field.filter(|_| is_whole) else {
                parameters.push(parameter(name, "path", json!({ "type": "string" })));
                continue;
            };
            let mut parameter = parameter(name, "path", schemas.field(&field, Side::Request));
            if let Some(example) = examples.parameter(&field) {
                parameter["example"] = example;
            }
            parameters.push(parameter);
        }
        (
            write(&parts, |name| format!("{{{name}}}")) + &verb,
            parameters,
        )
    }
}

fn parts(template: &Template) -> Vec<Part> {
    let mut parts = Vec::new();
    for (index, segment) in template.segments.iter().enumerate() {
        let variable = template
            .variables
            .iter()
            .find(|variable| variable.start <= index && (variable.to_end || index < variable.end));
        let name = match variable {
            Some(variable) if variable.end - variable.start == 1 => {
                json_name(&variable.field_path.join("."))
            }
            Some(variable) => format!("{}{index}", json_name(&variable.field_path.join("."))),
            None => format!("segment{index}"),
        };
        parts.push(match segment {
            Segment::Literal(text) => Part::Literal(text.clone()),
            Segment::One | Segment::Rest => Part::Parameter(name),
        });
    }
    parts
}

fn write(parts: &[Part], parameter: impl Fn(&str) -> String) -> String {
    let segments = parts.iter().map(|part| match part {
        Part::Literal(text) => text.clone(),
        Part::Parameter(name) => parameter(name),
    });
    format!("/{}", segments.collect::<Vec<_>>().join("/"))
}

/// A parameter, with the description of its schema moved to where readers look for it.
fn parameter(name: &str, place: &str, mut schema: Value) -> Value {
    let description = schema
        .as_object_mut()
        .and_then(|members| members.remove("description"));
    let mut parameter = json!({ "name": name, "in": place, "schema": schema });
    if place == "path" {
        parameter["required"] = json!(true);
    }
    if let Some(description) = description {
        parameter["description"] = description;
    }
    parameter
}

fn field_at(message: &MessageDescriptor, path: &[String]) -> Option<FieldDescriptor> {
    let (first, rest) = path.split_first()?;
    let field = message
        .get_field_by_name(first)
        .or_else(|| message.get_field_by_json_name(first))?;
    match (field.kind(), rest) {
        (_, []) => Some(field),
        (Kind::Message(inner), rest) => field_at(&inner, rest),
        _ => None,
    }
}

/// Adds the fields of a message that a query can hold, but for those in `taken`, which are named as in the contract.
pub(super) fn query(
    message: &MessageDescriptor,
    contract_prefix: &str,
    json_prefix: &str,
    taken: &[String],
    depth: usize,
    schemas: &mut Schemas<'_>,
    parameters: &mut Vec<Value>,
) {
    for field in message.fields() {
        let contract_name = format!("{contract_prefix}{}", field.name());
        let name = format!("{json_prefix}{}", field.json_name());
        if field.is_map() || taken.contains(&contract_name) {
            continue;
        }
        match field.kind() {
            Kind::Message(inner) if !Form::of(inner.full_name()).is_scalar() => {
                let reachable = !field.is_list() && depth < QUERY_DEPTH;
                if reachable && Form::of(inner.full_name()) == Form::Object && inner != *message {
                    let (contract_prefix, json_prefix) = (contract_name + ".", name + ".");
                    query(
                        &inner,
                        &contract_prefix,
                        &json_prefix,
                        taken,
                        depth + 1,
                        schemas,
                        parameters,
                    );
                }
            }
            _ => parameters.push(parameter(
                &name,
                "query",
                schemas.field(&field, Side::Request),
            )),
        }
    }
}
