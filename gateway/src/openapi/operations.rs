//! Operations: one per HTTP binding.

use std::collections::BTreeMap;

use prost_reflect::{
    DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ServiceDescriptor,
};
use serde_json::{Map, Value, json};
use troupe_proto::policy::Audience;

use super::comments::{Comments, summary};
use super::responses;
use super::rules::is_empty_object;
use super::schemas::Schemas;
use crate::config::Limits;
use crate::policy::Policy;
use crate::route::{Segment, Template};
use crate::rule::{self, Rule};
use crate::schema::Form;

/// How deep query parameters reach into messages.
const QUERY_DEPTH: usize = 4;

/// The operations of all services.
pub(super) struct Operations<'p> {
    pool: &'p DescriptorPool,
    comments: &'p Comments,
    tags: Vec<Value>,
    paths: BTreeMap<String, Map<String, Value>>,
    /// The path that stands for each shape: OpenAPI tells paths apart by their shape alone.
    shapes: BTreeMap<String, Vec<Part>>,
}

/// A segment of a path.
#[derive(Clone)]
enum Part {
    Literal(String),
    Parameter(String),
}

impl<'p> Operations<'p> {
    /// None yet.
    pub(super) fn new(pool: &'p DescriptorPool, comments: &'p Comments) -> Self {
        Self {
            pool,
            comments,
            tags: Vec::new(),
            paths: BTreeMap::new(),
            shapes: BTreeMap::new(),
        }
    }

    /// The paths and the tags.
    pub(super) fn finish(self) -> (Value, Value) {
        let paths = self
            .paths
            .into_iter()
            .map(|(path, item)| (path, Value::Object(item)));
        (Value::Object(paths.collect()), Value::Array(self.tags))
    }

    /// Adds the methods of a service. Those that only services may call are left out, like those without a binding, and
    /// bindings that OpenAPI has no form for.
    pub(super) fn add_service(&mut self, service: &ServiceDescriptor, schemas: &mut Schemas<'_>) {
        let mut any = false;
        for method in service.methods() {
            // One that can't be enforced isn't served.
            let policy = Policy::of(self.pool, &method, &Limits::default());
            let audience = policy.map_or(Audience::Service, |policy| policy.audience);
            if audience == Audience::Service {
                continue;
            }
            let rules = rule::rules(self.pool, &method).unwrap_or_default();
            for (index, rule) in rules.iter().enumerate() {
                any |= self.add(&method, rule, index, audience, schemas).is_some();
            }
        }
        if any {
            let comment = self.comments.of(&service.parent_file(), service.path());
            self.tags
                .push(json!({ "name": service.name(), "description": comment }));
        }
    }

    fn add(
        &mut self,
        method: &MethodDescriptor,
        rule: &Rule,
        index: usize,
        audience: Audience,
        schemas: &mut Schemas<'_>,
    ) -> Option<()> {
        let verb = rule.method.as_ref()?.as_str().to_lowercase();
        let known = [
            "get", "put", "post", "delete", "options", "head", "patch", "trace",
        ];
        if !known.contains(&verb.as_str()) {
            return None;
        }
        let template = Template::parse(&rule.template).ok()?;
        let (path, parameters) = self.path(&method.input(), &template, schemas);
        let bound: Vec<String> = template
            .variables
            .iter()
            .map(|variable| variable.field_path.join("."))
            .collect();
        let mut parameters = parameters;
        if rule.body != "*" {
            let mut taken = bound.clone();
            taken.push(rule.body.clone());
            query(&method.input(), "", "", &taken, 0, schemas, &mut parameters);
        }
        let mut operation = self.described(method, index);
        operation.insert("parameters".into(), Value::Array(parameters));
        if let Some(body) = body(method, rule, &bound, schemas) {
            operation.insert("requestBody".into(), body);
        }
        operation.insert("responses".into(), responses::of(method, rule, schemas));
        let security = match audience {
            Audience::User | Audience::Admin => json!([{ "bearer": [] }]),
            _ => json!([]),
        };
        operation.insert("security".into(), security);
        self.paths
            .entry(path)
            .or_default()
            .insert(verb, Value::Object(operation));
        Some(())
    }

    fn described(&self, method: &MethodDescriptor, index: usize) -> Map<String, Value> {
        let service = method.parent_service();
        let comment = self.comments.of(&method.parent_file(), method.path());
        let number = if index == 0 {
            String::new()
        } else {
            format!("_{}", index + 1)
        };
        let mut operation = Map::from_iter([
            (
                "operationId".to_owned(),
                json!(format!("{}_{}{number}", service.name(), method.name())),
            ),
            ("tags".to_owned(), json!([service.name()])),
        ]);
        if !comment.is_empty() {
            operation.insert("summary".into(), json!(summary(comment)));
            operation.insert("description".into(), json!(comment));
        }
        let options = method.method_descriptor_proto().options.as_ref();
        if options.is_some_and(|options| options.deprecated()) {
            operation.insert("deprecated".into(), json!(true));
        }
        operation
    }

    /// The path of a template, and the parameters in it. Where another template of the same shape came first, its names
    /// are taken.
    fn path(
        &mut self,
        input: &MessageDescriptor,
        template: &Template,
        schemas: &mut Schemas<'_>,
    ) -> (String, Vec<Value>) {
        let verb = template
            .verb
            .as_ref()
            .map(|verb| format!(":{verb}"))
            .unwrap_or_default();
        let parts = parts(template);
        let shape = write(&parts, |_| "{}".to_owned()) + &verb;
        let parts = self.shapes.entry(shape).or_insert(parts).clone();
        let mut parameters = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let Part::Parameter(name) = part else {
                continue;
            };
            let variable = template.variables.iter().find(|variable| {
                variable.start <= index && (variable.to_end || index < variable.end)
            });
            let field = variable.and_then(|variable| field_at(input, &variable.field_path));
            let is_whole = variable.is_some_and(|variable| !variable.spans_segments());
            let schema = match &field {
                Some(field) if is_whole => schemas.field(field),
                _ => json!({ "type": "string" }),
            };
            parameters.push(parameter(name, "path", schema));
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
            Some(variable) if variable.end - variable.start == 1 => variable.field_path.join("."),
            Some(variable) => format!("{}.{index}", variable.field_path.join(".")),
            None => format!("segment.{index}"),
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
fn query(
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
            _ => parameters.push(parameter(&name, "query", schemas.field(&field))),
        }
    }
}

fn body(
    method: &MethodDescriptor,
    rule: &Rule,
    bound: &[String],
    schemas: &mut Schemas<'_>,
) -> Option<Value> {
    let input = method.input();
    let field = input.get_field_by_name(&rule.body);
    let schema = match (rule.body.as_str(), &field) {
        ("", _) => return None,
        ("*", _) if bound.is_empty() => schemas.message(&input),
        ("*", _) => schemas.object(&input, bound),
        (_, Some(field)) => schemas.field(field),
        (_, None) => return None,
    };
    let is_raw = |message: &MessageDescriptor| message.full_name() == "google.api.HttpBody";
    let takes_raw = match (rule.body.as_str(), field.map(|field| field.kind())) {
        ("*", _) => is_raw(&input),
        (_, Some(Kind::Message(message))) => is_raw(&message),
        _ => false,
    };
    let content = match () {
        () if takes_raw => json!({
            "*/*": { "schema": schema },
            "multipart/form-data": { "schema": form_with_file() },
        }),
        () if method.is_client_streaming() => json!({
            "application/x-ndjson": { "schema": schema },
            "application/json": { "schema": { "type": "array", "items": schema } },
        }),
        () => json!({ "application/json": { "schema": schema } }),
    };
    let is_empty = is_empty_object(&schema) || input.fields().len() == 0;
    Some(json!({ "content": content, "required": !is_empty }))
}

/// A form whose file is taken as if it were the body; its fields may have any name.
fn form_with_file() -> Value {
    json!({
        "type": "object",
        "properties": { "file": { "type": "string", "contentMediaType": "application/octet-stream" } },
        "required": ["file"],
    })
}
