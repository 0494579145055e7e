//! Scalars from the wire as JSON.

use super::{EncodeError, Encoder, Result};
use crate::json;
use crate::schema::Kind;
use crate::wire::{self, Raw};

impl Encoder<'_> {
    /// Writes a value, or, in a map's key, its text in quotes or without.
    pub(super) fn scalar(&self, kind: Kind, raw: Raw<'_>, out: &mut Vec<u8>) -> Result<()> {
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
