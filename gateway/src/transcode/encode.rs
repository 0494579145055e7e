//! The wire to JSON: an encoded message becomes JSON text without a message in between.
//!
//! Fields may lie on the wire in any order and several times; the rules of merging hold: the last scalar wins, messages
//! merge, of a oneof the last member stays.

mod wellknown;

use std::collections::HashSet;

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
        for field in fields.iter().filter(|field| !field.presence) {
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
                Raw::Length(bytes) if scalar_wire_type(kind) != wire::LENGTH => {
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
            let raw = match scalar_wire_type(kind) {
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

    fn scalar(&self, kind: Kind, raw: Raw<'_>, out: &mut Vec<u8>) -> Result<()> {
        match (kind, raw) {
            (Kind::Bool, Raw::Varint(value)) => {
                out.extend_from_slice(if value == 0 { b"false" } else { b"true" });
            }
            (Kind::Int32, Raw::Varint(value)) => json::write_integer(out, value as i32),
            (Kind::Uint32, Raw::Varint(value)) => json::write_integer(out, value as u32),
            (Kind::Sint32, Raw::Varint(value)) => {
                let value = value as u32;
                json::write_integer(out, (value >> 1) as i32 ^ -((value & 1) as i32));
            }
            (Kind::Int64, Raw::Varint(value)) => quoted(out, value as i64),
            (Kind::Uint64, Raw::Varint(value)) => quoted(out, value),
            (Kind::Sint64, Raw::Varint(value)) => {
                quoted(out, (value >> 1) as i64 ^ -((value & 1) as i64));
            }
            (Kind::Fixed32, Raw::Fixed32(value)) => json::write_integer(out, value),
            (Kind::Sfixed32, Raw::Fixed32(value)) => json::write_integer(out, value as i32),
            (Kind::Float, Raw::Fixed32(value)) => json::write_float(out, f32::from_bits(value)),
            (Kind::Fixed64, Raw::Fixed64(value)) => quoted(out, value),
            (Kind::Sfixed64, Raw::Fixed64(value)) => quoted(out, value as i64),
            (Kind::Double, Raw::Fixed64(value)) => json::write_double(out, f64::from_bits(value)),
            (Kind::String, Raw::Length(bytes)) => {
                let text = std::str::from_utf8(bytes).map_err(|_| EncodeError::NotUtf8)?;
                json::write_string(out, text);
            }
            (Kind::Bytes, Raw::Length(bytes)) => json::write_base64(out, bytes),
            (Kind::Enum(id), Raw::Varint(value)) => {
                let (layout, number) = (self.schema.enumeration(id), value as i32);
                match layout.name(number) {
                    _ if layout.is_null => out.extend_from_slice(b"null"),
                    Some(name) => json::write_string(out, name),
                    None => json::write_integer(out, number),
                }
            }
            _ => return Err(wire::Malformed.into()),
        }
        Ok(())
    }
}

fn quoted(out: &mut Vec<u8>, value: impl serde::Serialize) {
    out.push(b'"');
    json::write_integer(out, value);
    out.push(b'"');
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

fn scalar_wire_type(kind: Kind) -> u32 {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => wire::FIXED64,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => wire::FIXED32,
        Kind::String | Kind::Bytes | Kind::Message(_) => wire::LENGTH,
        Kind::Group(_) => wire::GROUP_START,
        _ => wire::VARINT,
    }
}

/// True where a value on the wire has the form that its kind calls for.
fn fits(kind: Kind, raw: Raw<'_>) -> bool {
    let wire_type = match raw {
        Raw::Varint(_) => wire::VARINT,
        Raw::Fixed64(_) => wire::FIXED64,
        Raw::Fixed32(_) => wire::FIXED32,
        Raw::Length(_) => wire::LENGTH,
        Raw::Group(_) => wire::GROUP_START,
    };
    wire_type == scalar_wire_type(kind)
}

/// The known fields of a message by slot, as far as they count.
fn entries<'a>(message: &Message, bytes: &'a [u8]) -> Result<Vec<Entry<'a>>> {
    let mut entries = Vec::with_capacity(message.fields.len().min(16));
    let mut fields = Fields::new(bytes);
    let mut sorted = true;
    while let Some((number, raw)) = fields.next()? {
        let Some(slot) = message.slot_by_number(number) else {
            continue;
        };
        let field = &message.fields[slot];
        let packed = matches!((field.label, raw), (Label::List { .. }, Raw::Length(_)));
        if !fits(field.kind, raw) && !packed {
            continue;
        }
        sorted &= entries.last().is_none_or(|last: &Entry<'_>| last.0 <= slot);
        entries.push((slot, raw));
    }
    if message.oneofs > 0 {
        drop_replaced_members(message, &mut entries);
    }
    if !sorted {
        entries.sort_by_key(|entry| entry.0);
    }
    Ok(entries)
}

/// Drops members of oneofs that a later member replaced.
fn drop_replaced_members(message: &Message, entries: &mut Vec<Entry<'_>>) {
    let mut last = vec![usize::MAX; usize::from(message.oneofs)];
    let mut kept = Vec::with_capacity(entries.len());
    for entry in entries.iter().rev() {
        if let Some(oneof) = message.fields[entry.0].oneof {
            let last = &mut last[usize::from(oneof)];
            match *last {
                usize::MAX => *last = entry.0,
                slot if slot != entry.0 => continue,
                _ => {}
            }
        }
        kept.push(*entry);
    }
    kept.reverse();
    *entries = kept;
}
