//! The wire to JSON: an encoded message becomes JSON text without a message in between.
//!
//! Fields may lie on the wire in any order and several times; the rules of merging hold: the last scalar wins, messages
//! merge, of a oneof the last member stays.

mod entries;
mod scalars;
mod wellknown;

use std::collections::HashSet;

use self::entries::{entries, fits, wire_type};
use crate::json::{self, MAX_DEPTH};
use crate::schema::{Field, Form, Kind, Label, Message, MessageId, Schema};
use crate::wire::{self, Fields, Raw};

/// Why an answer can't be written as JSON: it doesn't fit its contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncodeError {
    /// The bytes are not a message.
    #[error(transparent)]
    Malformed(#[from] wire::Malformed),
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    NotUtf8,
    /// Messages nest too deep.
    #[error("messages nest more than 100 deep")]
    TooDeep,
    /// A well-known type holds what it must not.
    #[error("a {0} holds a value that it must not")]
    Invalid(&'static str),
    /// An `Any` holds a type that isn't in the descriptors.
    #[error("an Any holds the unknown type {0}")]
    UnknownType(String),
}

type Result<T> = std::result::Result<T, EncodeError>;

/// Writes encoded messages as JSON.
#[derive(Debug)]
pub(crate) struct Encoder<'s> {
    schema: &'s Schema,
    print_defaults: bool,
    depth: usize,
}

/// A field's value, by slot.
type Entry<'a> = (usize, Raw<'a>);

impl<'s> Encoder<'s> {
    /// An encoder; with `print_defaults`, fields without presence are written even when they hold their default.
    pub(crate) fn new(schema: &'s Schema, print_defaults: bool) -> Self {
        Self {
            schema,
            print_defaults,
            depth: 0,
        }
    }

    /// Writes a message.
    pub(crate) fn message(&mut self, id: MessageId, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if self.depth == MAX_DEPTH {
            return Err(EncodeError::TooDeep);
        }
        self.depth += 1;
        let message = self.schema.message(id);
        if message.form == Form::Object {
            out.push(b'{');
            self.members(message, bytes, out)?;
            out.push(b'}');
        } else {
            self.wellknown(message, bytes, out)?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Writes one field of a message as a value of its own.
    pub(crate) fn field_alone(
        &mut self,
        id: MessageId,
        slot: usize,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let message = self.schema.message(id);
        let mut entries = entries(message, bytes)?;
        entries.retain(|entry| entry.0 == slot);
        let field = &message.fields[slot];
        if entries.is_empty() {
            self.absent(field, out);
            return Ok(());
        }
        self.value(field, &entries, out)
    }

    /// Writes the members of an object, without braces.
    fn members(&mut self, message: &'s Message, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let entries = entries(message, bytes)?;
        let mut rest = entries.as_slice();
        let mut next_slot = 0;
        while let Some((slot, _)) = rest.first().copied() {
            let len = rest.iter().take_while(|entry| entry.0 == slot).count();
            let (values, others) = rest.split_at(len);
            rest = others;
            self.defaults(&message.fields[next_slot..slot], start, out);
            next_slot = slot + 1;
            let field = &message.fields[slot];
            if self.is_omitted(field, values) {
                continue;
            }
            separate(out, start);
            out.extend_from_slice(&field.json_key);
            self.value(field, values, out)?;
        }
        self.defaults(&message.fields[next_slot..], start, out);
        Ok(())
    }

    fn defaults(&self, fields: &[Field], start: usize, out: &mut Vec<u8>) {
        if !self.print_defaults {
            return;
        }
        let is_written = |field: &&Field| !field.presence && !field.is_input_only;
        for field in fields.iter().filter(is_written) {
            separate(out, start);
            out.extend_from_slice(&field.json_key);
            self.absent(field, out);
        }
    }

    /// Writes what stands for a field that isn't there.
    fn absent(&self, field: &Field, out: &mut Vec<u8>) {
        match (field.label, field.kind) {
            (Label::List { .. }, _) => out.extend_from_slice(b"[]"),
            (Label::Map { .. }, _) => out.extend_from_slice(b"{}"),
            (_, Kind::Message(id) | Kind::Group(id)) => {
                let is_object = self.schema.message(id).form == Form::Object;
                out.extend_from_slice(if is_object { b"{}" } else { b"null" });
            }
            (_, kind) => self.default_scalar(kind, out),
        }
    }

    fn default_scalar(&self, kind: Kind, out: &mut Vec<u8>) {
        let raw = match kind {
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => Raw::Fixed64(0),
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => Raw::Fixed32(0),
            Kind::String | Kind::Bytes => Raw::Length(&[]),
            _ => Raw::Varint(0),
        };
        // An empty string is UTF-8, which is all that can fail.
        _ = self.scalar(kind, raw, out);
    }

    /// True for a field without presence that holds its default.
    fn is_omitted(&self, field: &Field, values: &[Entry<'_>]) -> bool {
        if field.presence || field.label != Label::Singular || self.print_defaults {
            return false;
        }
        values.last().is_some_and(|(_, raw)| match raw {
            Raw::Varint(value) | Raw::Fixed64(value) => *value == 0,
            Raw::Fixed32(value) => *value == 0,
            Raw::Length(bytes) => bytes.is_empty(),
            Raw::Group(_) => false,
        })
    }

    fn value(&mut self, field: &Field, values: &[Entry<'_>], out: &mut Vec<u8>) -> Result<()> {
        match field.label {
            Label::Singular => self.singular(field.kind, values, out),
            Label::List { .. } => self.list(field.kind, values, out),
            Label::Map { key, value } => self.map(key, value, values, out),
        }
    }

    fn singular(&mut self, kind: Kind, values: &[Entry<'_>], out: &mut Vec<u8>) -> Result<()> {
        let Some((_, last)) = values.last() else {
            return Ok(());
        };
        match (kind, values) {
            (Kind::Message(id) | Kind::Group(id), [_, _, ..]) => {
                let parts: Vec<&[u8]> = values.iter().map(|(_, raw)| contents(*raw)).collect();
                self.message(id, &parts.concat(), out)
            }
            _ => self.single(kind, *last, out),
        }
    }

    fn single(&mut self, kind: Kind, raw: Raw<'_>, out: &mut Vec<u8>) -> Result<()> {
        match kind {
            Kind::Message(id) | Kind::Group(id) => self.message(id, contents(raw), out),
            _ => self.scalar(kind, raw, out),
        }
    }

    fn list(&mut self, kind: Kind, values: &[Entry<'_>], out: &mut Vec<u8>) -> Result<()> {
        out.push(b'[');
        let start = out.len();
        for (_, raw) in values {
            match raw {
                Raw::Length(bytes) if wire_type(kind) != wire::LENGTH => {
                    self.packed(kind, bytes, start, out)?;
                }
                _ => {
                    separate(out, start);
                    self.single(kind, *raw, out)?;
                }
            }
        }
        out.push(b']');
        Ok(())
    }

    fn packed(
        &mut self,
        kind: Kind,
        mut rest: &[u8],
        start: usize,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        while !rest.is_empty() {
            let raw = match wire_type(kind) {
                wire::FIXED64 => Raw::Fixed64(u64::from_le_bytes(wire::take(&mut rest)?)),
                wire::FIXED32 => Raw::Fixed32(u32::from_le_bytes(wire::take(&mut rest)?)),
                _ => Raw::Varint(wire::take_varint(&mut rest)?),
            };
            separate(out, start);
            self.scalar(kind, raw, out)?;
        }
        Ok(())
    }

    fn map(
        &mut self,
        key: Kind,
        value: Kind,
        entries: &[Entry<'_>],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let mut written = HashSet::new();
        let mut members = Vec::with_capacity(entries.len());
        // Of entries with the same key the last one counts.
        for (_, raw) in entries.iter().rev() {
            let (name, values) = self.map_entry(key, value, contents(*raw))?;
            if written.insert(name.clone()) {
                members.push((name, values));
            }
        }
        out.push(b'{');
        let start = out.len();
        for (name, values) in members.iter().rev() {
            separate(out, start);
            json::write_string(out, name);
            out.push(b':');
            match (values.is_empty(), value) {
                (true, Kind::Message(id)) => self.message(id, &[], out)?,
                (true, _) => self.default_scalar(value, out),
                (false, _) => self.singular(value, values, out)?,
            }
        }
        out.push(b'}');
        Ok(())
    }

    fn map_entry<'a>(
        &self,
        key: Kind,
        value: Kind,
        bytes: &'a [u8],
    ) -> Result<(String, Vec<Entry<'a>>)> {
        let mut name = None;
        let mut values = Vec::new();
        let mut fields = Fields::new(bytes);
        while let Some((number, raw)) = fields.next()? {
            match number {
                1 if fits(key, raw) => name = Some(raw),
                2 if fits(value, raw) => values.push((0, raw)),
                _ => {}
            }
        }
        let name = match (key, name) {
            (Kind::String, name) => name.map(contents).unwrap_or_default().to_vec(),
            (_, Some(raw)) => {
                let mut text = Vec::new();
                self.scalar(key, raw, &mut text)?;
                text.retain(|byte| *byte != b'"');
                text
            }
            (Kind::Bool, None) => b"false".to_vec(),
            (_, None) => b"0".to_vec(),
        };
        let name = String::from_utf8(name).map_err(|_| EncodeError::NotUtf8)?;
        Ok((name, values))
    }
}

fn separate(out: &mut Vec<u8>, start: usize) {
    if out.len() > start {
        out.push(b',');
    }
}

fn contents(raw: Raw<'_>) -> &[u8] {
    match raw {
        Raw::Length(bytes) | Raw::Group(bytes) => bytes,
        _ => &[],
    }
}
