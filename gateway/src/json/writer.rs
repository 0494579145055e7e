//! Writes JSON values to a buffer of bytes.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// Writes a string in quotes.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..=0x1f | 0x7f => b'u',
            _ => continue,
        };
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        if escape == b'u' {
            // Writing to a vector doesn't fail.
            _ = write!(out, "\\u{byte:04x}");
        } else {
            out.extend_from_slice(&[b'\\', escape]);
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

/// Writes an integer, without quotes.
pub(crate) fn write_integer(out: &mut Vec<u8>, value: impl Serialize) {
    // Neither writing to a vector nor an integer's form fails.
    _ = serde_json::to_writer(out, &value);
}

/// Writes a number, or in quotes what JSON has no number for.
pub(crate) fn write_double(out: &mut Vec<u8>, value: f64) {
    write_real(out, value, value);
}

/// Like [`write_double`], with the digits that tell one `f32` from the next.
pub(crate) fn write_float(out: &mut Vec<u8>, value: f32) {
    write_real(out, f64::from(value), value);
}

fn write_real(out: &mut Vec<u8>, value: f64, shortest: impl Serialize) {
    if value.is_finite() {
        write_integer(out, shortest);
        if out.ends_with(b".0") {
            out.truncate(out.len() - 2);
        }
        return;
    }
    let name: &[u8] = match (value.is_nan(), value > 0.0) {
        (true, _) => b"\"NaN\"",
        (false, true) => b"\"Infinity\"",
        (false, false) => b"\"-Infinity\"",
    };
    out.extend_from_slice(name);
}

/// Writes bytes as a base64 string with padding.
pub(crate) fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    let len = base64::encoded_len(bytes.len(), true).unwrap_or_default();
    out.resize(start + len, 0);
    // The space is exactly what the encoder needs.
    _ = STANDARD.encode_slice(bytes, &mut out[start..]);
    out.push(b'"');
}
