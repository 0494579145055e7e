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

/// What such an object means as JSON. A whole number is written as one.
pub(crate) fn map(object: Struct) -> Map<String, Value> {
    let fields = object.fields.into_iter();
    fields.map(|(key, value)| (key, json(value))).collect()
}

fn json(value: Proto) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(number)) => number_of(number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json).collect(),
        Some(Kind::StructValue(object)) => Value::Object(map(object)),
    }
}

fn number_of(number: f64) -> Value {
    /// Up to here a double has every whole number.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within 2^53")]
    if number.fract() == 0.0 && number.abs() < WHOLE {
        return Value::from(number as i64);
    }
    Value::from(number)
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
