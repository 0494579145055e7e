//! JSON to the wire, by the rules of proto3 JSON: strict, bounded in depth, one pass, no tree in between.

mod wellknown;

pub(crate) use wellknown::{put_text, wrapped_field};

use std::collections::HashSet;

use super::fault::Fault;
use super::scalar;
use crate::json::{Reader, Token};
use crate::schema::{Field, Form, Kind, Label, Message, MessageId, Schema};
use crate::wire;

/// How deep messages may nest; servers built on prost take no more.
pub(crate) const MAX_NESTING: usize = 100;

/// Writes the messages that JSON texts stand for.
#[derive(Debug)]
pub(crate) struct Decoder<'s> {
    schema: &'s Schema,
    ignore_unknown: bool,
    nesting: usize,
}

type Result<T> = std::result::Result<T, Fault>;

impl<'s> Decoder<'s> {
    /// A decoder; with `ignore_unknown`, members that no field has are skipped instead of refused.
    pub(crate) fn new(schema: &'s Schema, ignore_unknown: bool) -> Self {
        Self {
            schema,
            ignore_unknown,
            nesting: 0,
        }
    }

    /// Reads the next value as a message, and writes its fields.
    pub(crate) fn message(
        &mut self,
        id: MessageId,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if self.nesting == MAX_NESTING {
            return Err(Fault::new("has messages that nest more than 100 deep"));
        }
        self.nesting += 1;
        let message = self.schema.message(id);
        match message.form {
            Form::Object => self.object(message, reader, out)?,
            _ => self.wellknown(message, reader, out)?,
        }
        self.nesting -= 1;
        Ok(())
    }

    fn object(
        &mut self,
        message: &'s Message,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match reader.value()? {
            Token::Object => self.members(message, reader, out, None),
            _ => Err(Fault::new("must be an object")),
        }
    }

    /// Reads the members of an open object. A member called `ignored` is skipped.
    fn members(
        &mut self,
        message: &'s Message,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
        ignored: Option<&str>,
    ) -> Result<()> {
        let mut seen = Seen::default();
        let mut first = true;
        while let Some(name) = reader.member(first)? {
            first = false;
            let Some(slot) = message.slot_by_name(&name) else {
                if self.ignore_unknown || ignored == Some(&*name) {
                    reader.skip()?;
                    continue;
                }
                return Err(Fault::new("is not a field of the message").within(&name));
            };
            let field = &message.fields[slot];
            if seen.insert(slot) {
                return Err(Fault::new("is given twice").within(&name));
            }
            let present = self
                .field(field, reader, out)
                .map_err(|fault| fault.within(&name))?;
            if let Some(oneof) = field.oneof.filter(|_| present)
                && seen.insert(message.fields.len() + usize::from(oneof))
            {
                let reason = "is given beside another member of the same oneof";
                return Err(Fault::new(reason).within(&name));
            }
        }
        Ok(())
    }

    /// Reads the value of a field, and writes it with its tag. Returns false for a null, which stands for absence.
    pub(crate) fn field(
        &mut self,
        field: &'s Field,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool> {
        let null_is_value = field.label == Label::Singular && self.takes_null(field.kind);
        if reader.at_null() && !null_is_value {
            reader.value()?;
            return Ok(false);
        }
        match field.label {
            Label::Singular => self.singular(field.number, field.kind, reader, out)?,
            Label::List { packed } => self.list(field, packed, reader, out)?,
            Label::Map { key, value } => self.map(field, key, value, reader, out)?,
        }
        Ok(true)
    }

    fn takes_null(&self, kind: Kind) -> bool {
        match kind {
            Kind::Message(id) => self.schema.message(id).form == Form::Value,
            Kind::Enum(id) => self.schema.enumeration(id).is_null,
            _ => false,
        }
    }

    fn singular(
        &mut self,
        number: u32,
        kind: Kind,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match kind {
            Kind::Message(id) => {
                wire::put_tag(out, number, wire::LENGTH);
                wire::put_delimited(out, |out| self.message(id, reader, out))
            }
            Kind::Group(id) => {
                wire::put_tag(out, number, wire::GROUP_START);
                self.message(id, reader, out)?;
                wire::put_tag(out, number, wire::GROUP_END);
                Ok(())
            }
            _ => {
                let token = reader.value()?;
                let value = scalar::from_token(self.schema, kind, token);
                let value = value.map_err(|it| self.fault(kind, it))?;
                value.put(out, number);
                Ok(())
            }
        }
    }

    fn fault(&self, kind: Kind, reason: &'static str) -> Fault {
        Fault::new(scalar::told(self.schema, kind, reason))
    }

    fn list(
        &mut self,
        field: &'s Field,
        packed: bool,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if !matches!(reader.value()?, Token::Array) {
            return Err(Fault::new("must be an array"));
        }
        if packed {
            return self.packed_list(field, reader, out);
        }
        let mut index = 0;
        while reader.element(index == 0)? {
            if reader.at_null() && !self.takes_null(field.kind) {
                return Err(Fault::new("must not be null").at(index));
            }
            self.singular(field.number, field.kind, reader, out)
                .map_err(|fault| fault.at(index))?;
            index += 1;
        }
        Ok(())
    }

    fn packed_list(
        &mut self,
        field: &'s Field,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if !reader.element(true)? {
            return Ok(());
        }
        wire::put_tag(out, field.number, wire::LENGTH);
        wire::put_delimited(out, |out| {
            let mut index = 0;
            loop {
                let value = scalar::from_token(self.schema, field.kind, reader.value()?)
                    .map_err(|reason| self.fault(field.kind, reason).at(index))?;
                value.put_untagged(out);
                index += 1;
                if !reader.element(false)? {
                    return Ok(());
                }
            }
        })
    }

    fn map(
        &mut self,
        field: &'s Field,
        key: Kind,
        value: Kind,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if !matches!(reader.value()?, Token::Object) {
            return Err(Fault::new("must be an object"));
        }
        let mut seen = HashSet::new();
        while let Some(name) = reader.member(seen.is_empty())? {
            if !seen.insert(name.to_string()) {
                return Err(Fault::new("is given twice").at(name));
            }
            if reader.at_null() && !self.takes_null(value) {
                return Err(Fault::new("must not be null").at(name));
            }
            wire::put_tag(out, field.number, wire::LENGTH);
            wire::put_delimited(out, |out| self.entry(&name, key, value, reader, out))
                .map_err(|fault| fault.at(name))?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        name: &str,
        key: Kind,
        value: Kind,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let key = scalar::from_text(self.schema, key, name.into())
            .map_err(|reason| Fault::new(format!("has a key that {reason}")))?;
        key.put(out, 1);
        if self.nesting == MAX_NESTING {
            return Err(Fault::new("has messages that nest more than 100 deep"));
        }
        self.nesting += 1;
        self.singular(2, value, reader, out)?;
        self.nesting -= 1;
        Ok(())
    }
}

/// A set of small numbers.
#[derive(Default)]
struct Seen {
    low: u64,
    high: Vec<u64>,
}

impl Seen {
    /// Adds a number; true where it was there already.
    fn insert(&mut self, index: usize) -> bool {
        let word = match (index / 64).checked_sub(1) {
            None => &mut self.low,
            Some(word) => {
                if self.high.len() <= word {
                    self.high.resize(word + 1, 0);
                }
                &mut self.high[word]
            }
        };
        let bit = 1 << (index % 64);
        let was_there = *word & bit != 0;
        *word |= bit;
        was_there
    }
}
