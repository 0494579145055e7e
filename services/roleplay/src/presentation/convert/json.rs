//! JSON as `google.protobuf.Struct`.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value as Proto};
use serde_json::{Map, Value};

/// A JSON object. Numbers become doubles, as the type has no others; an export keeps them as they are.
pub(crate) fn object(map: &Map<String, Value>) -> Struct {
    let fields = map.iter().map(|(key, value)| (key.clone(), proto(value)));
    Struct {
        fields: fields.collect(),
    }
}

fn proto(value: &Value) -> Proto {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(values) => Kind::ListValue(ListValue {
            values: values.iter().map(proto).collect(),
        }),
        Value::Object(map) => Kind::StructValue(object(map)),
    };
    Proto { kind: Some(kind) }
}
