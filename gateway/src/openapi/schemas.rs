//! Schemas of messages and enums in the form of proto3 JSON. A message that requests and answers share has a schema for each: what
//! is always there differs.

use std::collections::BTreeMap;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::behaviour::{Behaviours, Side};
use super::comments::Comments;
use super::names::Names;
use super::rules;
use crate::schema::Form;

/// The schemas that operations refer to, gathered as they are asked for.
pub(super) struct Schemas<'p> {
    comments: &'p Comments,
    behaviours: Behaviours,
    names: Names,
    /// Names of schemas, by the message or enum and where it stands.
    known: BTreeMap<(String, Side), String>,
    components: BTreeMap<String, Value>,
}

impl<'p> Schemas<'p> {
    /// None yet, but for that of errors.
    pub(super) fn new(behaviours: Behaviours, comments: &'p Comments) -> Self {
        let mut names = Names::default();
        let status = names.claim("Status".to_owned(), "google.rpc.Status");
        Self {
            comments,
            behaviours,
            names,
            known: BTreeMap::new(),
            components: BTreeMap::from([(status, status_schema())]),
        }
    }

    /// All schemas that were asked for, and those that they refer to.
    pub(super) fn finish(self) -> Value {
        Value::Object(self.components.into_iter().collect())
    }

    /// The schema of a message: a reference, or the form of a well-known type.
    pub(super) fn message(&mut self, message: &MessageDescriptor, side: Side) -> Value {
        if let Some(schema) = wellknown(message) {
            return schema;
        }
        let key = (message.full_name().to_owned(), side);
        if let Some(name) = self.known.get(&key) {
            return reference(name);
        }
        // Known before it is made, since messages may refer to themselves.
        let name = self.claim(message, side);
        self.known.insert(key, name.clone());
        let schema = self.object(message, &[], side);
        self.components.insert(name.clone(), schema);
        reference(&name)
    }

    /// The schema of a request without the fields of these names, which stand elsewhere.
    pub(super) fn request(&mut self, message: &MessageDescriptor, without: &[String]) -> Value {
        if without.is_empty() {
            return self.message(message, Side::Request);
        }
        let name = self.claim(message, Side::Request);
        let schema = self.object(message, without, Side::Request);
        self.components.insert(name.clone(), schema);
        reference(&name)
    }

    /// True for a field that requests must have.
    pub(super) fn is_needed(&self, field: &FieldDescriptor) -> bool {
        self.behaviours.is_required(field, Side::Request)
    }

    fn claim(&mut self, message: &MessageDescriptor, side: Side) -> String {
        let suffix = match side {
            Side::Answer => "",
            Side::Request if message.name().ends_with("Request") => "",
            Side::Request => "Input",
            Side::Patch => "Patch",
        };
        let short = without_package(message.package_name(), message.full_name());
        let full = format!("{}{suffix}", message.full_name());
        self.names.claim(short + suffix, &full)
    }

    fn object(&mut self, message: &MessageDescriptor, without: &[String], side: Side) -> Value {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for field in message.fields() {
            let is_elsewhere = without.iter().any(|name| name == field.name());
            if is_elsewhere || !self.behaviours.has(&field, side) {
                continue;
            }
            let name = field.json_name().to_owned();
            if self.behaviours.is_required(&field, side) {
                required.push(name.clone());
            }
            let mut schema = self.field(&field, side.within());
            if side == Side::Answer && self.behaviours.is_read_only(&field) {
                schema["readOnly"] = json!(true);
            }
            properties.insert(name, schema);
        }
        let mut schema = Map::from_iter([
            ("type".to_owned(), json!("object")),
            ("properties".to_owned(), Value::Object(properties)),
        ]);
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        let comment = self.comments.of(&message.parent_file(), message.path());
        let description = [comment.to_owned(), choices(message)].join("\n\n");
        if !description.trim().is_empty() {
            schema.insert("description".to_owned(), json!(description.trim()));
        }
        Value::Object(schema)
    }

    /// The schema of a field, with its comment and rules.
    pub(super) fn field(&mut self, field: &FieldDescriptor, side: Side) -> Value {
        let mut schema = self.value(field, side);
        let comment = self.comments.of(&field.parent_file(), field.path());
        if let (Some(members), false) = (schema.as_object_mut(), comment.is_empty()) {
            members.insert("description".to_owned(), json!(comment));
        }
        schema
    }

    /// The schema of what a field holds, with its rules.
    pub(super) fn value(&mut self, field: &FieldDescriptor, side: Side) -> Value {
        let mut schema = match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let values = self.kind(&entry.map_entry_value_field().kind(), side);
                json!({ "type": "object", "additionalProperties": values })
            }
            kind if field.is_list() => json!({ "type": "array", "items": self.kind(&kind, side) }),
            kind => self.kind(&kind, side),
        };
        // Nothing holds answers to rules: what a request may leave out is empty in them.
        if side != Side::Answer {
            rules::apply(self.behaviours.rules(), field, &mut schema);
        }
        schema
    }

    fn kind(&mut self, kind: &Kind, side: Side) -> Value {
        match kind {
            Kind::Double => json!({ "type": "number", "format": "double" }),
            Kind::Float => json!({ "type": "number", "format": "float" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({ "type": "integer", "format": "int32" })
            }
            Kind::Uint32 | Kind::Fixed32 => {
                json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({ "type": "string", "format": "int64" })
            }
            Kind::Uint64 | Kind::Fixed64 => json!({ "type": "string", "format": "uint64" }),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Enum(descriptor) => self.enumeration(descriptor),
            Kind::Message(descriptor) => self.message(descriptor, side),
        }
    }

    fn enumeration(&mut self, descriptor: &EnumDescriptor) -> Value {
        let full = descriptor.full_name();
        if full == "google.protobuf.NullValue" {
            return json!({ "type": "null" });
        }
        // The same on each side.
        let key = (full.to_owned(), Side::Answer);
        if let Some(name) = self.known.get(&key) {
            return reference(name);
        }
        let short = without_package(descriptor.package_name(), full);
        let name = self.names.claim(short, full);
        self.known.insert(key, name.clone());
        let schema = self.values(descriptor);
        self.components.insert(name.clone(), schema);
        reference(&name)
    }

    fn values(&self, descriptor: &EnumDescriptor) -> Value {
        let file = descriptor.parent_file();
        let names: Vec<String> = descriptor.values().map(|it| it.name().to_owned()).collect();
        let mut description = self.comments.of(&file, descriptor.path()).to_owned();
        for value in descriptor.values() {
            let comment = self.comments.of(&file, value.path());
            if !comment.is_empty() {
                description.push_str(&format!("\n\n- `{}`: {comment}", value.name()));
            }
        }
        json!({ "type": "string", "enum": names, "description": description.trim() })
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// `OuterInner` for `package.Outer.Inner`.
fn without_package(package: &str, full_name: &str) -> String {
    let name = full_name.strip_prefix(package).unwrap_or(full_name);
    name.replace('.', "")
}

/// What a schema can't say of oneofs.
fn choices(message: &MessageDescriptor) -> String {
    let oneofs = message.oneofs().filter(|oneof| !oneof.is_synthetic());
    let sentences = oneofs.map(|oneof| {
        let names: Vec<String> = oneof
            .fields()
            .map(|field| format!("`{}`", field.json_name()))
            .collect();
        format!("At most one of {} is set.", names.join(", "))
    });
    sentences.collect::<Vec<_>>().join(" ")
}

fn wellknown(message: &MessageDescriptor) -> Option<Value> {
    let name = message.full_name();
    if name == "google.api.HttpBody" {
        return Some(json!({ "type": "string", "format": "binary" }));
    }
    Some(match Form::of(name) {
        Form::Object => return None,
        Form::Timestamp => json!({ "type": "string", "format": "date-time" }),
        Form::Duration => {
            json!({ "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$" })
        }
        Form::FieldMask => json!({ "type": "string" }),
        Form::Struct => json!({ "type": "object" }),
        Form::Value => json!({}),
        Form::ListValue => json!({ "type": "array", "items": {} }),
        Form::Any => any(),
        Form::Wrapper => match name.trim_start_matches("google.protobuf.") {
            "BoolValue" => json!({ "type": ["boolean", "null"] }),
            "Int32Value" => json!({ "type": ["integer", "null"], "format": "int32" }),
            "UInt32Value" => json!({ "type": ["integer", "null"], "minimum": 0 }),
            "DoubleValue" | "FloatValue" => json!({ "type": ["number", "null"] }),
            "BytesValue" => json!({ "type": ["string", "null"], "contentEncoding": "base64" }),
            _ => json!({ "type": ["string", "null"] }),
        },
    })
}

fn any() -> Value {
    json!({
        "type": "object",
        "properties": { "@type": { "type": "string", "description": "The URL of the message's type." } },
        "additionalProperties": true,
    })
}

fn status_schema() -> Value {
    json!({
        "type": "object",
        "description": "An error.",
        "properties": {
            "code": { "type": "integer", "format": "int32", "description": "A code of `google.rpc.Code`." },
            "message": { "type": "string", "description": "What went wrong, for people." },
            "details": {
                "type": "array",
                "description": "Facts for programs, such as `google.rpc.ErrorInfo`, `BadRequest` and `RetryInfo`.",
                "items": any(),
            },
        },
        "required": ["code", "message"],
    })
}
