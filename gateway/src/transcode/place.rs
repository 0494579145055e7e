//! Fields reached by name through nested messages, and filled from one text.

use std::borrow::Cow;

use super::decode::{put_text, wrapped_field};
use super::fault::Fault;
use super::scalar;
use crate::schema::{Field, Kind, Label, MessageId, Schema};
use crate::wire;

/// A field, as slots from a message down to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place(Vec<usize>);

impl Place {
    /// Follows names of either spelling. Every field but the last must be one message. The error is the reason, and how
    /// many names were good.
    pub(crate) fn find<'n>(
        schema: &Schema,
        root: MessageId,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Self, &'static str> {
        let mut slots = Vec::new();
        let mut message = Some(root);
        for name in names {
            let Some(layout) = message.map(|id| schema.message(id)) else {
                return Err("goes through a field that is not one message");
            };
            let Some(slot) = layout.slot_by_name(name) else {
                return Err("is not a field of the request");
            };
            slots.push(slot);
            message = match layout.fields[slot] {
                Field {
                    label: Label::Singular,
                    kind: Kind::Message(id),
                    ..
                } => Some(id),
                _ => None,
            };
        }
        Ok(Self(slots))
    }

    /// The slots, outermost first.
    pub(crate) fn slots(&self) -> &[usize] {
        &self.0
    }

    /// True where one of the two lies on the way to the other, or they are the same.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0) || other.0.starts_with(&self.0)
    }

    /// The field itself, and those on the way to it, outermost first.
    pub(crate) fn fields<'s>(
        &self,
        schema: &'s Schema,
        root: MessageId,
    ) -> impl Iterator<Item = &'s Field> {
        let mut message = Some(root);
        self.0.iter().map_while(move |slot| {
            let field = &schema.message(message?).fields[*slot];
            message = match field.kind {
                Kind::Message(id) => Some(id),
                _ => None,
            };
            Some(field)
        })
    }

    /// Writes the field into its messages, filled from `text`.
    pub(crate) fn put(
        &self,
        schema: &Schema,
        root: MessageId,
        text: Cow<'_, str>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        put_nested(schema, root, &self.0, text, out)
    }
}

fn put_nested(
    schema: &Schema,
    message: MessageId,
    slots: &[usize],
    text: Cow<'_, str>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let Some((slot, rest)) = slots.split_first() else {
        return Ok(());
    };
    let field = &schema.message(message).fields[*slot];
    match field.kind {
        Kind::Message(inner) if !rest.is_empty() => {
            wire::put_tag(out, field.number, wire::LENGTH);
            wire::put_delimited(out, |out| put_nested(schema, inner, rest, text, out))
        }
        _ => put_one(schema, field, text, out),
    }
}

/// Writes one value of a field, filled from `text`.
fn put_one(
    schema: &Schema,
    field: &Field,
    text: Cow<'_, str>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let Kind::Message(id) = field.kind else {
        let value = scalar::from_text(schema, field.kind, text);
        let value = value.map_err(|it| Fault::new(scalar::told(schema, field.kind, it)))?;
        value.put(out, field.number);
        return Ok(());
    };
    let message = schema.message(id);
    wire::put_tag(out, field.number, wire::LENGTH);
    wire::put_delimited(out, |out| {
        if message.form != crate::schema::Form::Wrapper {
            return put_text(message, &text, out);
        }
        let inner = wrapped_field(message)?;
        let value = scalar::from_text(schema, inner.kind, text).map_err(Fault::new)?;
        value.put(out, inner.number);
        Ok(())
    })
}
