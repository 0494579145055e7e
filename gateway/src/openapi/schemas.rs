//! Schemas of messages and enums in the form of proto3 JSON.

use std::collections::BTreeMap;

use prost_reflect::{
    DescriptorPool, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
};
use serde_json::{Map, Value, json};

use super::comments::Comments;
use super::rules;
use crate::schema::Form;

/// The schemas that operations refer to, gathered as they are asked for.
pub(super) struct Schemas<'p> {
    comments: &'p Comments,
    rules: Option<ExtensionDescriptor>,
    components: BTreeMap<String, Value>,
}

impl<'p> Schemas<'p> {
    /// None yet, but for that of errors.
    pub(super) fn new(pool: &DescriptorPool, comments: &'p Comments) -> Self {
        let components = BTreeMap::from([("google.rpc.Status".to_owned(), status())]);
        let rules = pool.get_extension_by_name("buf.validate.field");
        Self {
            comments,
            rules,
            components,
        }
    }

    /// All schemas that were asked for, and those that they refer to.
    pub(super) fn finish(self) -> Value {
        Value::Object(self.components.into_iter().collect())
    }

    /// The schema of a message: a reference, or the form of a well-known type.
    pub(super) fn message(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(schema) = wellknown(message) {
            return schema;
        }
        let name = message.full_name().to_owned();
        if !self.components.contains_key(&name) {
            // Holds the place, since messages may refer to themselves.
            self.components.insert(name.clone(), Value::Null);
            let schema = self.object(message, &[]);
            self.components.insert(name.clone(), schema);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// The schema of a message without the fields of these names.
    pub(super) fn object(&mut self, message: &MessageDescriptor, without: &[String]) -> Value {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        let fields = message
            .fields()
            .filter(|field| !without.iter().any(|name| name == field.name()));
        for field in fields {
            let name = field.json_name().to_owned();
            if rules::is_required(self.rules.as_ref(), &field) {
                required.push(name.clone());
            }
            properties.insert(name, self.field(&field));
        }
        let mut schema = Map::from_iter([
            ("type".to_owned(), json!("object")),
            ("properties".to_owned(), Value::Object(properties)),
        ]);
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        let comment = self.comments.of(&message.parent_file(), message.path());
        let description = [comment.to_owned(), choices(message)]
            .join("\n\n")
            .trim()
            .to_owned();
        if !description.is_empty() {
            schema.insert("description".to_owned(), json!(description));
        }
        Value::Object(schema)
    }

    /// The schema of a field, with its comment and rules.
    pub(super) fn field(&mut self, field: &FieldDescriptor) -> Value {
        let mut schema = match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let values = self.kind(&entry.map_entry_value_field().kind());
                json!({ "type": "object", "additionalProperties": values })
            }
            kind if field.is_list() => json!({ "type": "array", "items": self.kind(&kind) }),
            kind => self.kind(&kind),
        };
        rules::apply(self.rules.as_ref(), field, &mut schema);
        let comment = self.comments.of(&field.parent_file(), field.path());
        if let (Some(members), false) = (schema.as_object_mut(), comment.is_empty()) {
            members.insert("description".to_owned(), json!(comment));
        }
        schema
    }

    fn kind(&mut self, kind: &Kind) -> Value {
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
            Kind::Message(descriptor) => self.message(descriptor),
        }
    }

    fn enumeration(&mut self, descriptor: &EnumDescriptor) -> Value {
        let name = descriptor.full_name().to_owned();
        if name == "google.protobuf.NullValue" {
            return json!({ "type": "null" });
        }
        if !self.components.contains_key(&name) {
            let schema = self.values(descriptor);
            self.components.insert(name.clone(), schema);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
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
            json!({ "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$", "examples": ["1.5s"] })
        }
        Form::FieldMask => json!({ "type": "string", "examples": ["displayName,settings.theme"] }),
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

fn status() -> Value {
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
