//! Reads JSON fields as the programs in the field really write them: numbers as strings, strings
//! as numbers, a single value where a list is due, null for "not set". Never fails; what can't be
//! read is absent.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The text of a scalar; empty for null, lists and objects.
pub(crate) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Bool(boolean) => Cow::Owned(boolean.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Cow::Borrowed(""),
    }
}

/// The texts of a list, of one scalar standing for a list, or none. Nulls are skipped.
pub(crate) fn texts(value: &Value) -> Vec<Cow<'_, str>> {
    match value {
        Value::Array(items) => items
            .iter()
            .filter(|item| is_scalar(item))
            .map(text)
            .collect(),
        Value::String(only) if only.is_empty() => Vec::new(),
        value if is_scalar(value) => vec![text(value)],
        _ => Vec::new(),
    }
}

/// A number, from a number or a numeric string.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// A whole number; fractions are cut off, and what is out of range saturates.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value.as_i64() {
        Some(integer) => Some(integer),
        #[expect(clippy::cast_possible_truncation, reason = "saturates, as documented")]
        None => number(value).map(|number| number as i64),
    }
}

/// A count: a whole number that is not negative.
pub(crate) fn count(value: &Value) -> Option<u32> {
    let integer = integer(value)?;
    (integer >= 0).then(|| u32::try_from(integer).unwrap_or(u32::MAX))
}

/// A boolean, from a boolean, a number, or the words.
pub(crate) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(boolean) => Some(*boolean),
        Value::Number(number) => number.as_f64().map(|number| number != 0.0),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// One object's fields, read by name.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) Option<&'a Map<String, Value>>);

impl<'a> Fields<'a> {
    pub(crate) fn get(self, key: &str) -> Option<&'a Value> {
        self.0?.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn object(self, key: &str) -> Fields<'a> {
        Fields(self.get(key).and_then(Value::as_object))
    }

    pub(crate) fn text(self, key: &str) -> Cow<'a, str> {
        self.get(key).map(text).unwrap_or_default()
    }

    pub(crate) fn texts(self, key: &str) -> Vec<Cow<'a, str>> {
        self.get(key).map(texts).unwrap_or_default()
    }

    pub(crate) fn boolean(self, key: &str) -> Option<bool> {
        self.get(key).and_then(boolean)
    }

    pub(crate) fn count(self, key: &str) -> Option<u32> {
        self.get(key).and_then(count)
    }

    pub(crate) fn integer(self, key: &str) -> Option<i64> {
        self.get(key).and_then(integer)
    }

    pub(crate) fn number(self, key: &str) -> Option<f64> {
        self.get(key).and_then(number)
    }
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}
