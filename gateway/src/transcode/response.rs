//! An answer's content: JSON text, or the bytes that a `google.api.HttpBody` carries.

use super::encode::{EncodeError, Encoder};
use super::plan::{Answer, Plan};
use crate::schema::Schema;
use crate::wire::{Fields, Raw};

/// The bytes of an answer that is not JSON.
#[derive(Debug, Default)]
pub(crate) struct Content<'a> {
    /// Empty where the upstream names none.
    pub(crate) content_type: &'a [u8],
    /// The bytes.
    pub(crate) data: &'a [u8],
}

/// Writes what a plan returns of an answer as JSON.
pub(crate) fn put_answer(
    schema: &Schema,
    plan: &Plan,
    print_defaults: bool,
    message: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let mut encoder = Encoder::new(schema, print_defaults);
    match plan.answer {
        Answer::Field(slot) | Answer::RawField(slot) => {
            encoder.field_alone(plan.output, slot, message, out)
        }
        Answer::Whole | Answer::Raw => encoder.message(plan.output, message, out),
    }
}

/// The bytes that an answer carries, where its plan returns such; they lie in `message`.
pub(crate) fn raw_content<'a>(
    schema: &Schema,
    plan: &Plan,
    message: &'a [u8],
) -> Result<Option<Content<'a>>, EncodeError> {
    let body = match plan.answer {
        Answer::Raw => message,
        Answer::RawField(slot) => {
            let number = schema.message(plan.output).fields[slot].number;
            last_length(message, number)?
        }
        Answer::Whole | Answer::Field(_) => return Ok(None),
    };
    let content = Content {
        content_type: last_length(body, 1)?,
        data: last_length(body, 2)?,
    };
    Ok(Some(content))
}

/// The last value of a field of bytes or text; empty where it has none.
pub(super) fn last_length(message: &[u8], wanted: u32) -> Result<&[u8], EncodeError> {
    let mut found = &[][..];
    let mut fields = Fields::new(message);
    while let Some((number, raw)) = fields.next()? {
        match raw {
            Raw::Length(bytes) if number == wanted => found = bytes,
            _ => {}
        }
    }
    Ok(found)
}
