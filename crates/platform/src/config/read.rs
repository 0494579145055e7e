//! Makes of each value what its setting asks for.

use std::fmt;
use std::net::SocketAddr;

use serde::de::value::StringDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::Misfit;
use super::value::{Content, Table, Value, parse};

/// What is wrong with a value, and where it is. It holds no value.
#[derive(Debug)]
pub(super) struct Failure {
    /// From the inside out.
    path: Vec<String>,
    variable: Option<String>,
    problem: String,
    /// The names that have a place, where the problem is one that has none.
    expected: Option<&'static [&'static str]>,
}

impl Failure {
    fn new(problem: impl Into<String>) -> Self {
        Self {
            path: Vec::new(),
            variable: None,
            problem: problem.into(),
            expected: None,
        }
    }

    fn within(mut self, name: &str, variable: Option<&str>) -> Self {
        self.path.push(name.to_owned());
        self.variable = self.variable.or_else(|| variable.map(str::to_owned));
        self
    }

    /// The names that have a place, where the problem is one that has none.
    pub(super) fn expected(&self) -> Option<&'static [&'static str]> {
        self.expected
    }

    pub(super) fn into_misfit(self) -> Misfit {
        let path: Vec<String> = self.path.into_iter().rev().collect();
        Misfit {
            key: path.join("."),
            variable: self.variable,
            problem: self.problem,
            nearest: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        let problem = problem.to_string();
        // What the standard library says of any text that is no address.
        let no_address = "".parse::<SocketAddr>().err();
        match no_address.is_some_and(|error| error.to_string() == problem) {
            true => Self::new("must be an address and a port, such as 127.0.0.1:8000"),
            false => Self::new(problem),
        }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("must be {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("must be {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("must be one of {}", expected.join(", ")))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self {
            expected: Some(expected),
            ..Self::new("there is no setting of this name")
        }
    }
}

impl Value {
    /// The text of a variable or of the file. White space around it, such as the end of a line in a Kubernetes secret,
    /// belongs to no setting.
    fn text(self) -> Result<String, Failure> {
        match self.content {
            Content::Text(text) => Ok(text.trim().to_owned()),
            _ => Err(Failure::new("must be text: write it between quotes")),
        }
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.content {
            Content::Number(number) => visitor.visit_f64(number),
            Content::Whole(number) => visitor.visit_i64(number),
            Content::Text(text) => match text.trim().parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => Err(Failure::new("must be a number, such as 0.5")),
            },
            _ => Err(Failure::new("must be a number, such as 0.5")),
        }
    }

    fn whole<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let failed = || Failure::new("must be a whole number, such as 16");
        match self.content {
            Content::Whole(number) => visitor.visit_i64(number),
            Content::Text(text) => match (text.trim().parse(), text.trim().parse()) {
                (Ok(number), _) => visitor.visit_i64(number),
                (_, Ok(number)) => visitor.visit_u64(number),
                _ => Err(failed()),
            },
            _ => Err(failed()),
        }
    }
}

fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// The entries of a list that a text holds: one in brackets, or with commas between them.
fn entries(text: &str) -> Result<Vec<Value>, Failure> {
    let text = text.trim();
    if text.starts_with('[') {
        return match parse(text) {
            Some(Content::List(values)) => Ok(values),
            _ => Err(Failure::new(r#"must be a list, such as ["a", "b"] or a,b"#)),
        };
    }
    let parts = text.split(',').map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    Ok(parts
        .map(|part| Content::Text(part.to_owned()).into())
        .collect())
}

macro_rules! whole_numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.whole(visitor)
        })*
    };
}

macro_rules! texts {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            visitor.visit_string(self.text()?)
        })*
    };
}

impl<'de> Deserializer<'de> for Value {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.content {
            Content::Text(text) => visitor.visit_string(text.trim().to_owned()),
            Content::Flag(flag) => visitor.visit_bool(flag),
            Content::Whole(number) => visitor.visit_i64(number),
            Content::Number(number) => visitor.visit_f64(number),
            Content::List(values) => visitor.visit_seq(Entries::new(values)),
            Content::Table(table) => visitor.visit_map(Names::new(table)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let read = match self.content {
            Content::Flag(read) => Some(read),
            Content::Text(text) => flag(&text),
            _ => None,
        };
        visitor.visit_bool(read.ok_or_else(|| Failure::new("must be true or false"))?)
    }

    whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.number(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.number(visitor)
    }

    texts! { deserialize_char deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let values = match self.content {
            Content::List(values) => values,
            Content::Text(text) => entries(&text)?,
            _ => return Err(Failure::new(r#"must be a list, such as ["a", "b"]"#)),
        };
        visitor.visit_seq(Entries::new(values))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let table = match self.content {
            Content::Table(table) => Some(table),
            Content::Text(text) => match parse(text.trim()) {
                Some(Content::Table(table)) => Some(table),
                _ => None,
            },
            _ => None,
        };
        let table = table.ok_or_else(|| {
            Failure::new("is a section: set what is in it, or write { name = value }")
        })?;
        visitor.visit_map(Names::new(table))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let text: StringDeserializer<Failure> = self.text()?.into_deserializer();
        visitor.visit_enum(text)
    }

    forward_to_deserialize_any! {
        i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct ignored_any
    }
}

/// The values of a list, in their order.
struct Entries {
    values: std::iter::Enumerate<std::vec::IntoIter<Value>>,
}

impl Entries {
    fn new(values: Vec<Value>) -> Self {
        let values = values.into_iter().enumerate();
        Self { values }
    }
}

impl<'de> SeqAccess<'de> for Entries {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        let Some((index, value)) = self.values.next() else {
            return Ok(None);
        };
        let read = seed.deserialize(value);
        read.map(Some)
            .map_err(|failure| failure.within(&(index + 1).to_string(), None))
    }
}

/// The values of a table, with their names.
struct Names {
    values: std::collections::btree_map::IntoIter<String, Value>,
    /// The one whose name was read.
    next: Option<(String, Value)>,
}

impl Names {
    fn new(table: Table) -> Self {
        Self {
            values: table.0.into_iter(),
            next: None,
        }
    }
}

impl<'de> MapAccess<'de> for Names {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        let Some((name, value)) = self.values.next() else {
            return Ok(None);
        };
        let key: StringDeserializer<Failure> = name.clone().into_deserializer();
        let read = seed.deserialize(key);
        let read = read.map_err(|failure| failure.within(&name, value.any_variable()))?;
        self.next = Some((name, value));
        Ok(Some(read))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Failure> {
        let Some((name, value)) = self.next.take() else {
            return Err(Failure::new("a value is read before its name"));
        };
        let variable = value.variable.clone();
        let read = seed.deserialize(value);
        read.map_err(|failure| failure.within(&name, variable.as_deref()))
    }
}
