//! What a server-sent event says beside its data: what happened, and from where a stream would go on after it.
//!
//! An event is a message with one oneof: the member that is set is its name. What is a part of a whole, with the fields `offset`
//! and `next_offset`, has the latter as its id: the member, or the message itself. A client that connects again sends the last
//! id, and it fills the field `offset` of the request.

use std::io::Write;

use http::Method;

use super::encode::EncodeError;
use super::place::Place;
use super::plan::Answer;
use super::response::last_length;
use crate::route::Variable;
use crate::rule::Rule;
use crate::schema::{Field, Form, Kind, Label, Message, MessageId, Schema};
use crate::wire::{Fields, Raw};

/// The event that tells of a failure. It ends a stream.
pub(crate) const FAILURE: &str = "failure";
/// Names that mean something else to whoever reads events: `EventSource` tells of itself by the last three.
const TAKEN: [&str; 4] = [FAILURE, "error", "message", "open"];
/// Where a stream begins, in a request, and a part of it, in an event; and where the next one would.
const OFFSET: &str = "offset";
const NEXT_OFFSET: &str = "next_offset";

/// What is said of the answers of a plan.
#[derive(Debug)]
pub(crate) struct Events {
    /// The field that holds the event, where it isn't the answer itself.
    within: Option<u32>,
    next_offset: Option<u32>,
    members: Vec<Member>,
}

/// A thing that can happen.
#[derive(Debug)]
struct Member {
    number: u32,
    /// Empty where the name can't be told.
    name: Box<str>,
    next_offset: Option<u32>,
}

impl Events {
    /// Where the answers of a plan say something of themselves.
    pub(crate) fn of(schema: &Schema, output: MessageId, answer: &Answer) -> Option<Self> {
        let (within, event) = match answer {
            Answer::Whole => (None, output),
            Answer::Field(slot) => {
                let field = &schema.message(output).fields[*slot];
                (Some(field.number), object_of(schema, field)?)
            }
            Answer::Raw | Answer::RawField(_) => return None,
        };
        let event = schema.message(event);
        let is_member = |field: &&Field| event.oneofs == 1 && field.oneof.is_some();
        let members = event.fields.iter().filter(is_member);
        let events = Self {
            within,
            next_offset: next_offset(event),
            members: members.map(|field| Member::of(schema, field)).collect(),
        };
        let says_something = events.next_offset.is_some() || !events.members.is_empty();
        says_something.then_some(events)
    }

    /// Writes the lines that stand before the data of an answer.
    pub(crate) fn put_head(&self, answer: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let event = match self.within {
            Some(number) => last_length(answer, number)?,
            None => answer,
        };
        let mut happened = None;
        let mut fields = Fields::new(event);
        while let Some((number, raw)) = fields.next()? {
            // Of a oneof the last member counts.
            let member = self.members.iter().find(|member| member.number == number);
            happened = member.map(|member| (member, raw)).or(happened);
        }
        let mut id = match self.next_offset {
            Some(number) => offset_in(event, number)?,
            None => None,
        };
        if let Some((member, raw)) = happened {
            if !member.name.is_empty() {
                // Writing to a vector doesn't fail.
                _ = writeln!(out, "event: {}", member.name);
            }
            if let (Some(number), Raw::Length(bytes)) = (member.next_offset, raw) {
                id = offset_in(bytes, number)?;
            }
        }
        if let Some(id) = id {
            _ = writeln!(out, "id: {id}");
        }
        Ok(())
    }
}

impl Member {
    fn of(schema: &Schema, field: &Field) -> Self {
        let name = field.json_name();
        // A contract may give a field any name in JSON, also one that would end the line.
        let is_plain = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_told = is_plain && !TAKEN.contains(&name);
        let message = object_of(schema, field).map(|id| schema.message(id));
        Self {
            number: field.number,
            name: if is_told { name.into() } else { "".into() },
            next_offset: message.and_then(next_offset),
        }
    }
}

/// The field of a request that the id of an event fills, and its kind: where a GET has one that its path doesn't fill.
pub(super) fn offset_of_request(
    schema: &Schema,
    rule: &Rule,
    input: MessageId,
    variables: &[(Variable, Place)],
) -> Option<(u32, Kind)> {
    let place = Place::find(schema, input, [OFFSET]).ok()?;
    let field = place.fields(schema, input).last()?;
    let is_bound = variables.iter().any(|(_, bound)| bound.overlaps(&place));
    let is_taken = rule.method == Some(Method::GET) && !is_bound && is_offset(field);
    is_taken.then_some((field.number, field.kind))
}

/// The number of `next_offset`, where the message is a part of a whole.
fn next_offset(message: &Message) -> Option<u32> {
    let field = |name| message.slot_by_name(name).map(|slot| &message.fields[slot]);
    let (from, to) = (field(OFFSET)?, field(NEXT_OFFSET)?);
    (is_offset(from) && is_offset(to)).then_some(to.number)
}

/// Only integers: an id of another kind could hold what ends its line.
fn is_offset(field: &Field) -> bool {
    let is_integer = matches!(
        field.kind,
        Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64
    );
    field.label == Label::Singular && is_integer
}

/// An offset in a message: zero where it isn't written, and none where it can't be one.
fn offset_in(message: &[u8], wanted: u32) -> Result<Option<i64>, EncodeError> {
    let mut found = 0;
    let mut fields = Fields::new(message);
    while let Some((number, raw)) = fields.next()? {
        match raw {
            Raw::Varint(value) if number == wanted => found = value,
            _ => {}
        }
    }
    // A negative number has the highest bit.
    Ok(i64::try_from(found).ok())
}

fn object_of(schema: &Schema, field: &Field) -> Option<MessageId> {
    match (field.label, field.kind) {
        (Label::Singular, Kind::Message(id)) if schema.message(id).form == Form::Object => Some(id),
        _ => None,
    }
}
