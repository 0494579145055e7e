//! Well-known types whose JSON is not an object of their fields.

use std::collections::HashSet;

use super::{Decoder, Result};
use crate::json::{Reader, Token};
use crate::schema::{Field, Form, Kind, Label, Message};
use crate::transcode::fault::Fault;
use crate::transcode::scalar::{self, Scalar};
use crate::transcode::{mask, time};
use crate::wire;

impl<'s> Decoder<'s> {
    pub(super) fn wellknown(
        &mut self,
        message: &'s Message,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match message.form {
            Form::Any => self.any(reader, out),
            Form::Value => self.dynamic_value(reader, out),
            Form::Struct => match reader.value()? {
                Token::Object => self.dynamic_members(reader, out),
                _ => Err(Fault::new("must be an object")),
            },
            Form::ListValue => match reader.value()? {
                Token::Array => self.dynamic_elements(reader, out),
                _ => Err(Fault::new("must be an array")),
            },
            Form::Wrapper => self.wrapped(message, reader, out),
            _ => match reader.value()? {
                Token::String(text) => put_text(message, &text, out),
                _ => Err(Fault::new("must be a string")),
            },
        }
    }

    fn wrapped(
        &mut self,
        message: &'s Message,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let inner = wrapped_field(message)?;
        let value =
            scalar::from_token(self.schema, inner.kind, reader.value()?).map_err(Fault::new)?;
        value.put(out, inner.number);
        Ok(())
    }

    /// Reads an object whose `@type` can stand anywhere: once to find it, and once by its message.
    fn any(&mut self, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<()> {
        let mut ahead = reader.clone();
        let Some(type_url) = type_url(&mut ahead)? else {
            *reader = ahead;
            return Ok(());
        };
        let name = type_url.rsplit_once('/').map(|(_, name)| name);
        let id = name
            .and_then(|name| self.schema.message_by_name(name))
            .ok_or_else(|| {
                Fault::new("is not the URL of a message that is known here").within("@type")
            })?;
        Scalar::Length(type_url.as_bytes().into()).put(out, 1);
        wire::put_tag(out, 2, wire::LENGTH);
        wire::put_delimited(out, |out| {
            let message = self.schema.message(id);
            if message.form != Form::Object {
                return self.any_value(message, reader, out);
            }
            reader.value()?;
            self.members(message, reader, out, Some("@type"))
        })
    }

    /// Reads an object of `@type` and `value`.
    fn any_value(
        &mut self,
        message: &'s Message,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        reader.value()?;
        let (mut first, mut found) = (true, false);
        while let Some(name) = reader.member(first)? {
            first = false;
            match &*name {
                "@type" => reader.skip()?,
                "value" if !found => {
                    found = true;
                    self.wellknown(message, reader, out)
                        .map_err(|fault| fault.within("value"))?;
                }
                _ => return Err(Fault::new("must be the only member beside @type").within("value")),
            }
        }
        match found {
            true => Ok(()),
            false => Err(Fault::new("is missing").within("value")),
        }
    }

    fn dynamic_value(&mut self, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<()> {
        match reader.value()? {
            Token::Null => Scalar::Varint(0).put(out, 1),
            Token::Number(number) => {
                let value: f64 = number
                    .text()
                    .parse()
                    .map_err(|_| Fault::new("must be a number"))?;
                if !value.is_finite() {
                    return Err(Fault::new("is out of range"));
                }
                Scalar::Fixed64(value.to_bits()).put(out, 2);
            }
            Token::String(text) => Scalar::Length(text.as_bytes().into()).put(out, 3),
            Token::Bool(value) => Scalar::Varint(u64::from(value)).put(out, 4),
            Token::Object => {
                wire::put_tag(out, 5, wire::LENGTH);
                wire::put_delimited(out, |out| {
                    self.nested(2, |this| this.dynamic_members(reader, out))
                })?;
            }
            Token::Array => {
                wire::put_tag(out, 6, wire::LENGTH);
                wire::put_delimited(out, |out| {
                    self.nested(1, |this| this.dynamic_elements(reader, out))
                })?;
            }
        }
        Ok(())
    }

    /// Members of an open object, as entries of `Struct.fields`.
    fn dynamic_members(&mut self, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<()> {
        let mut seen = HashSet::new();
        while let Some(name) = reader.member(seen.is_empty())? {
            wire::put_tag(out, 1, wire::LENGTH);
            wire::put_delimited(out, |out| {
                Scalar::Length(name.as_bytes().into()).put(out, 1);
                wire::put_tag(out, 2, wire::LENGTH);
                wire::put_delimited(out, |out| {
                    self.nested(1, |this| this.dynamic_value(reader, out))
                })
            })
            .map_err(|fault| fault.within(&name))?;
            if !seen.insert(name.to_string()) {
                return Err(Fault::new("is given twice").within(&name));
            }
        }
        Ok(())
    }

    /// Elements of an open array, as `ListValue.values`.
    fn dynamic_elements(&mut self, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<()> {
        let mut index = 0;
        while reader.element(index == 0)? {
            wire::put_tag(out, 1, wire::LENGTH);
            wire::put_delimited(out, |out| {
                self.nested(1, |this| this.dynamic_value(reader, out))
            })
            .map_err(|fault| fault.at(index))?;
            index += 1;
        }
        Ok(())
    }

    fn nested(&mut self, levels: usize, body: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if self.nesting + levels > super::MAX_NESTING {
            return Err(Fault::new("has messages that nest more than 100 deep"));
        }
        self.nesting += levels;
        body(self)?;
        self.nesting -= levels;
        Ok(())
    }
}

/// Writes the fields of a message that JSON, paths and queries write as one text.
pub(crate) fn put_text(message: &Message, text: &str, out: &mut Vec<u8>) -> Result<()> {
    let (seconds, nanos) = match message.form {
        Form::Timestamp => time::parse_timestamp(text).map_err(Fault::new)?,
        Form::Duration => time::parse_duration(text).map_err(Fault::new)?,
        Form::FieldMask => {
            for path in text.split(',').filter(|_| !text.is_empty()) {
                let path = mask::to_contract(path).map_err(Fault::new)?;
                Scalar::Length(path.as_bytes().into()).put(out, 1);
            }
            return Ok(());
        }
        _ => return Err(Fault::new("can't be written as one value")),
    };
    Scalar::Varint(seconds as u64).put(out, 1);
    Scalar::Varint(i64::from(nanos) as u64).put(out, 2);
    Ok(())
}

/// The one field of a wrapper.
pub(crate) fn wrapped_field(message: &Message) -> Result<&Field> {
    match message.fields.as_slice() {
        [inner] if inner.label == Label::Singular && !matches!(inner.kind, Kind::Message(_)) => {
            Ok(inner)
        }
        _ => Err(Fault::new("is a wrapper whose contract has no value")),
    }
}

/// Reads a whole object ahead and finds its type; None for an empty one.
fn type_url(reader: &mut Reader<'_>) -> Result<Option<String>> {
    if !matches!(reader.value()?, Token::Object) {
        return Err(Fault::new("must be an object"));
    }
    let mut found = None;
    let mut first = true;
    while let Some(name) = reader.member(first)? {
        first = false;
        if name != "@type" {
            reader.skip()?;
            continue;
        }
        match reader.value()? {
            Token::String(url) if found.is_none() => found = Some(url.into_owned()),
            Token::String(_) => return Err(Fault::new("is given twice").within("@type")),
            _ => return Err(Fault::new("must be a string").within("@type")),
        }
    }
    match found {
        None if !first => Err(Fault::new("is missing").within("@type")),
        found => Ok(found),
    }
}
