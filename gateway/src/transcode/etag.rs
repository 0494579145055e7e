//! The `etag` of a resource (AIP-154): where a request says which one the resource must still have, and where an answer says
//! which one it has now.

use http::Method;

use super::encode::EncodeError;
use super::plan::{Answer, Body};
use super::response::last_length;
use super::scalar::Scalar;
use crate::rule::Rule;
use crate::schema::{Field, Kind, Label, MessageId, Schema};

const FIELD: &str = "etag";

/// A field of a message, or one of a message in it. The numbers of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Etag {
    resource: Option<u32>,
    number: u32,
}

impl Etag {
    /// Where a request has it: in a field of its own, as deletions do, or in the resource that is changed.
    pub(super) fn of_request(
        schema: &Schema,
        rule: &Rule,
        input: MessageId,
        body: &Body,
    ) -> Option<Self> {
        if let Some(number) = number_in(schema, input) {
            let resource = None;
            return Some(Self { resource, number });
        }
        let changes = [Some(Method::PATCH), Some(Method::PUT)].contains(&rule.method);
        match body {
            Body::Field(place) if changes && place.slots().len() == 1 => {
                Self::within(schema, place.fields(schema, input).last()?)
            }
            _ => None,
        }
    }

    /// Where an answer has it: if it is a resource.
    pub(super) fn of_answer(schema: &Schema, output: MessageId, answer: &Answer) -> Option<Self> {
        match answer {
            Answer::Whole => Some(Self {
                resource: None,
                number: number_in(schema, output)?,
            }),
            Answer::Field(slot) => Self::within(schema, &schema.message(output).fields[*slot]),
            Answer::Raw | Answer::RawField(_) => None,
        }
    }

    fn within(schema: &Schema, field: &Field) -> Option<Self> {
        match field.kind {
            Kind::Message(inner) if field.label == Label::Singular => Some(Self {
                resource: Some(field.number),
                number: number_in(schema, inner)?,
            }),
            _ => None,
        }
    }

    /// Writes it at the end of a message, where it goes before what the message says.
    pub(super) fn put(self, etag: &str, out: &mut Vec<u8>) {
        let etag = Scalar::Length(etag.as_bytes().into());
        let Some(resource) = self.resource else {
            return etag.put(out, self.number);
        };
        // Two values of a message are one, with the fields of both.
        let mut inner = Vec::new();
        etag.put(&mut inner, self.number);
        Scalar::Length(inner.into()).put(out, resource);
    }

    /// That of a message; empty if it has none.
    pub(crate) fn read(self, message: &[u8]) -> Result<&[u8], EncodeError> {
        let holder = match self.resource {
            Some(resource) => last_length(message, resource)?,
            None => message,
        };
        last_length(holder, self.number)
    }
}

fn number_in(schema: &Schema, message: MessageId) -> Option<u32> {
    let message = schema.message(message);
    let field = &message.fields[message.slot_by_name(FIELD)?];
    let is_text = field.label == Label::Singular && field.kind == Kind::String;
    is_text.then_some(field.number)
}
