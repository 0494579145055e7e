//! Scalars from JSON tokens and from the text of paths and queries, without ever passing integers through floats.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::json::{Number, Token};
use crate::schema::{Kind, Schema};
use crate::wire;

/// A value ready for the wire.
#[derive(Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Length(Cow<'a, [u8]>),
}

type Result<T> = std::result::Result<T, &'static str>;

/// What is wrong with what an enum doesn't have; [`told`] says what it has.
const NO_VALUE: &str = "is not a value of the enum";
/// How many values of an enum are told.
const MOST_TOLD: usize = 30;

/// What is wrong with a value of a kind, for people.
pub(crate) fn told(schema: &Schema, kind: Kind, reason: &'static str) -> Cow<'static, str> {
    match kind {
        Kind::Enum(id) if reason == NO_VALUE => {
            let names = schema.enumeration(id).names();
            let names = names.take(MOST_TOLD).collect::<Vec<_>>();
            Cow::Owned(format!("must be one of {}", names.join(", ")))
        }
        _ => Cow::Borrowed(reason),
    }
}

impl Scalar<'_> {
    /// Writes the value with its tag.
    pub(crate) fn put(&self, out: &mut Vec<u8>, number: u32) {
        let wire_type = match self {
            Self::Varint(_) => wire::VARINT,
            Self::Fixed64(_) => wire::FIXED64,
            Self::Fixed32(_) => wire::FIXED32,
            Self::Length(_) => wire::LENGTH,
        };
        wire::put_tag(out, number, wire_type);
        self.put_untagged(out);
    }

    /// Writes the value as packed lists hold it.
    pub(crate) fn put_untagged(&self, out: &mut Vec<u8>) {
        match self {
            Self::Varint(value) => wire::put_varint(out, *value),
            Self::Fixed64(value) => out.extend_from_slice(&value.to_le_bytes()),
            Self::Fixed32(value) => out.extend_from_slice(&value.to_le_bytes()),
            Self::Length(bytes) => {
                wire::put_varint(out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
        }
    }
}

/// The value of a JSON token; the error says what was expected.
pub(crate) fn from_token<'a>(schema: &Schema, kind: Kind, token: Token<'a>) -> Result<Scalar<'a>> {
    match (kind, token) {
        (Kind::Bool, Token::Bool(value)) => Ok(Scalar::Varint(u64::from(value))),
        (Kind::Bool, _) => Err("must be true or false"),
        (Kind::String, Token::String(text)) => Ok(Scalar::Length(bytes_of(text))),
        (Kind::String, _) => Err("must be a string"),
        (Kind::Bytes, Token::String(text)) => base64(&text),
        (Kind::Bytes, _) => Err("must be a string of base64"),
        (Kind::Enum(id), Token::Null) if schema.enumeration(id).is_null => Ok(Scalar::Varint(0)),
        (Kind::Enum(id), Token::String(name)) => match schema.enumeration(id).number(&name) {
            Some(number) => Ok(Scalar::Varint(i64::from(number) as u64)),
            None => Err(NO_VALUE),
        },
        (Kind::Enum(_), Token::Number(number)) => integer(Kind::Int32, number),
        (Kind::Enum(_), _) => Err(NO_VALUE),
        (Kind::Double | Kind::Float, Token::Number(number)) => real(kind, number.text()),
        (Kind::Double | Kind::Float, Token::String(text)) => real_text(kind, &text),
        (Kind::Double | Kind::Float, _) => Err("must be a number"),
        (Kind::Message(_) | Kind::Group(_), _) => Err("must be a message"),
        (_, Token::Number(number)) => integer(kind, number),
        (_, Token::String(text)) => match Number::parse(&text) {
            Some(number) => integer(kind, number),
            None => Err("must be an integer"),
        },
        _ => Err("must be an integer"),
    }
}

/// The value of a text in a path, a query or a map's key.
pub(crate) fn from_text<'a>(schema: &Schema, kind: Kind, text: Cow<'a, str>) -> Result<Scalar<'a>> {
    match kind {
        Kind::Bool => match &*text {
            "true" => Ok(Scalar::Varint(1)),
            "false" => Ok(Scalar::Varint(0)),
            _ => Err("must be true or false"),
        },
        Kind::Enum(id) => match (schema.enumeration(id).number(&text), Number::parse(&text)) {
            (Some(number), _) => Ok(Scalar::Varint(i64::from(number) as u64)),
            (None, Some(number)) => integer(Kind::Int32, number),
            (None, None) => Err(NO_VALUE),
        },
        _ => from_token(schema, kind, Token::String(text)),
    }
}

fn bytes_of(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

fn base64<'a>(text: &str) -> Result<Scalar<'a>> {
    let engine = if text.contains(['-', '_']) {
        URL_SAFE
    } else {
        STANDARD
    };
    let decoded = engine.decode(text).map_err(|_| "must be base64")?;
    Ok(Scalar::Length(Cow::Owned(decoded)))
}

fn real_text<'a>(kind: Kind, text: &str) -> Result<Scalar<'a>> {
    let value = match text {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ => {
            let number = Number::parse(text).ok_or("must be a number")?;
            return real(kind, number.text());
        }
    };
    Ok(match kind {
        Kind::Float => Scalar::Fixed32((value as f32).to_bits()),
        _ => Scalar::Fixed64(value.to_bits()),
    })
}

fn real<'a>(kind: Kind, text: &str) -> Result<Scalar<'a>> {
    let (scalar, is_finite) = match kind {
        Kind::Float => {
            let value: f32 = text.parse().map_err(|_| "must be a number")?;
            (Scalar::Fixed32(value.to_bits()), value.is_finite())
        }
        _ => {
            let value: f64 = text.parse().map_err(|_| "must be a number")?;
            (Scalar::Fixed64(value.to_bits()), value.is_finite())
        }
    };
    is_finite.then_some(scalar).ok_or("is out of range")
}

fn integer<'a>(kind: Kind, number: Number<'_>) -> Result<Scalar<'a>> {
    let value = exact_integer(number.text())?;
    let out_of_range = "is out of range";
    let signed_32 = || i32::try_from(value).map_err(|_| out_of_range);
    let signed_64 = || i64::try_from(value).map_err(|_| out_of_range);
    let unsigned_32 = || u32::try_from(value).map_err(|_| out_of_range);
    let unsigned_64 = || u64::try_from(value).map_err(|_| out_of_range);
    Ok(match kind {
        Kind::Int32 => Scalar::Varint(i64::from(signed_32()?) as u64),
        Kind::Int64 => Scalar::Varint(signed_64()? as u64),
        Kind::Uint32 => Scalar::Varint(u64::from(unsigned_32()?)),
        Kind::Uint64 => Scalar::Varint(unsigned_64()?),
        Kind::Sint32 => {
            let value = signed_32()?;
            Scalar::Varint(u64::from(((value << 1) ^ (value >> 31)) as u32))
        }
        Kind::Sint64 => {
            let value = signed_64()?;
            Scalar::Varint(((value << 1) ^ (value >> 63)) as u64)
        }
        Kind::Fixed32 => Scalar::Fixed32(unsigned_32()?),
        Kind::Fixed64 => Scalar::Fixed64(unsigned_64()?),
        Kind::Sfixed32 => Scalar::Fixed32(signed_32()? as u32),
        Kind::Sfixed64 => Scalar::Fixed64(signed_64()? as u64),
        _ => return Err("must not be an integer"),
    })
}

/// The integer that a JSON number stands for: `1e3` and `5.0` are integers, `5.5` is not.
fn exact_integer(text: &str) -> Result<i128> {
    if text.len() <= 20 && !text.contains(['.', 'e', 'E']) {
        return text.parse().map_err(|_| "must be an integer");
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = [whole, fraction].concat();
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    // An exponent that doesn't fit is far out of range in either direction.
    let exponent: i64 = match exponent.parse() {
        Ok(exponent) => exponent,
        Err(_) if exponent.starts_with('-') => return Err("must be an integer"),
        Err(_) => return Err("is out of range"),
    };
    let shift = exponent
        .saturating_sub(fraction.len() as i64)
        .saturating_add(trailing as i64);
    if shift < 0 {
        return Err("must be an integer");
    }
    if significant.len() as i64 + shift.min(64) > 30 {
        return Err("is out of range");
    }
    let magnitude: i128 = significant.parse().map_err(|_| "is out of range")?;
    let value = magnitude * 10_i128.pow(shift as u32);
    Ok(if negative { -value } else { value })
}
