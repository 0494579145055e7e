//! Well-known types whose JSON is not an object of their fields.

use super::{EncodeError, Encoder, Entry, Result, contents, entries, separate};
use crate::json;
use crate::schema::{Form, Message};
use crate::transcode::{mask, time};
use crate::wire::{Fields, Raw};

impl<'s> Encoder<'s> {
    pub(super) fn wellknown(
        &mut self,
        message: &'s Message,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match message.form {
            Form::Any => self.any_value(bytes, out),
            Form::Wrapper => self.wrapped(message, bytes, out),
            Form::Struct => self.dynamic_object(bytes, out),
            Form::ListValue => self.dynamic_array(bytes, out),
            Form::Value => self.dynamic_value(bytes, out),
            Form::FieldMask => field_mask(bytes, out),
            Form::Timestamp => {
                let (seconds, nanos) = seconds_and_nanos(bytes)?;
                plain_text(out, time::format_timestamp(seconds, nanos), "Timestamp")
            }
            Form::Duration => {
                let (seconds, nanos) = seconds_and_nanos(bytes)?;
                plain_text(out, time::format_duration(seconds, nanos), "Duration")
            }
            Form::Object => self.members(message, bytes, out),
        }
    }

    fn wrapped(&mut self, message: &'s Message, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let entries: Vec<Entry<'_>> = entries(message, bytes)?;
        match (message.fields.first(), entries.last()) {
            (Some(inner), Some((_, raw))) => self.scalar(inner.kind, *raw, out),
            (Some(inner), None) => {
                self.default_scalar(inner.kind, out);
                Ok(())
            }
            (None, _) => Err(EncodeError::Invalid("wrapper")),
        }
    }

    /// Writes a `google.protobuf.Any`.
    pub(crate) fn any_value(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let (mut type_url, mut value) = ("", &[][..]);
        let mut fields = Fields::new(bytes);
        while let Some((number, raw)) = fields.next()? {
            match (number, raw) {
                (1, Raw::Length(bytes)) => type_url = utf8(bytes)?,
                (2, Raw::Length(bytes)) => value = bytes,
                _ => {}
            }
        }
        if type_url.is_empty() && value.is_empty() {
            out.extend_from_slice(b"{}");
            return Ok(());
        }
        let name = type_url.rsplit_once('/').map(|(_, name)| name);
        let id = name
            .and_then(|name| self.schema.message_by_name(name))
            .ok_or_else(|| EncodeError::UnknownType(type_url.to_owned()))?;
        out.extend_from_slice(b"{\"@type\":");
        json::write_string(out, type_url);
        let message = self.schema.message(id);
        if message.form == Form::Object {
            let start = out.len();
            out.push(b',');
            self.nested(|this| this.members(message, value, out))?;
            if out.len() == start + 1 {
                out.truncate(start);
            }
        } else {
            out.extend_from_slice(b",\"value\":");
            self.message(id, value, out)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn dynamic_value(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut fields = Fields::new(bytes);
        let mut last = None;
        while let Some((number, raw)) = fields.next()? {
            if (1..=6).contains(&number) {
                last = Some((number, raw));
            }
        }
        match last {
            None | Some((1, _)) => out.extend_from_slice(b"null"),
            Some((2, Raw::Fixed64(bits))) => {
                let number = f64::from_bits(bits);
                if !number.is_finite() {
                    return Err(EncodeError::Invalid("Value"));
                }
                json::write_double(out, number);
            }
            Some((3, Raw::Length(text))) => json::write_string(out, utf8(text)?),
            Some((4, Raw::Varint(value))) => {
                out.extend_from_slice(if value == 0 { b"false" } else { b"true" });
            }
            Some((5, Raw::Length(bytes))) => self.nested(|this| this.dynamic_object(bytes, out))?,
            Some((6, Raw::Length(bytes))) => self.nested(|this| this.dynamic_array(bytes, out))?,
            Some(_) => return Err(EncodeError::Invalid("Value")),
        }
        Ok(())
    }

    fn dynamic_object(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut members: Vec<(&str, &[u8])> = Vec::new();
        let mut places = std::collections::HashMap::new();
        let mut fields = Fields::new(bytes);
        while let Some((number, raw)) = fields.next()? {
            if number != 1 {
                continue;
            }
            let (name, value) = member(contents(raw))?;
            // Of entries with the same key the last one counts.
            match places.get(name) {
                Some(place) => members[*place] = (name, value),
                None => {
                    places.insert(name, members.len());
                    members.push((name, value));
                }
            }
        }
        out.push(b'{');
        let start = out.len();
        for (name, value) in members {
            separate(out, start);
            json::write_string(out, name);
            out.push(b':');
            self.nested(|this| this.dynamic_value(value, out))?;
        }
        out.push(b'}');
        Ok(())
    }

    fn dynamic_array(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        out.push(b'[');
        let start = out.len();
        let mut fields = Fields::new(bytes);
        while let Some((number, raw)) = fields.next()? {
            if number == 1 {
                separate(out, start);
                self.nested(|this| this.dynamic_value(contents(raw), out))?;
            }
        }
        out.push(b']');
        Ok(())
    }

    fn nested(&mut self, body: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if self.depth == json::MAX_DEPTH {
            return Err(EncodeError::TooDeep);
        }
        self.depth += 1;
        body(self)?;
        self.depth -= 1;
        Ok(())
    }
}

fn member(entry: &[u8]) -> Result<(&str, &[u8])> {
    let (mut name, mut value) = ("", &[][..]);
    let mut fields = Fields::new(entry);
    while let Some((number, raw)) = fields.next()? {
        match number {
            1 => name = utf8(contents(raw))?,
            2 => value = contents(raw),
            _ => {}
        }
    }
    Ok((name, value))
}

fn field_mask(bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let mut paths = Vec::new();
    let mut fields = Fields::new(bytes);
    while let Some((number, raw)) = fields.next()? {
        if number == 1 {
            let path = mask::to_json(utf8(contents(raw))?);
            paths.push(path.ok_or(EncodeError::Invalid("FieldMask"))?);
        }
    }
    json::write_string(out, &paths.join(","));
    Ok(())
}

fn seconds_and_nanos(bytes: &[u8]) -> Result<(i64, i32)> {
    let (mut seconds, mut nanos) = (0, 0);
    let mut fields = Fields::new(bytes);
    while let Some((number, raw)) = fields.next()? {
        match (number, raw) {
            (1, Raw::Varint(value)) => seconds = value as i64,
            (2, Raw::Varint(value)) => nanos = value as i32,
            _ => {}
        }
    }
    Ok((seconds, nanos))
}

fn plain_text(out: &mut Vec<u8>, text: Option<String>, form: &'static str) -> Result<()> {
    json::write_string(out, &text.ok_or(EncodeError::Invalid(form))?);
    Ok(())
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| EncodeError::NotUtf8)
}
