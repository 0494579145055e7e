//! A request's frames: the body first, then the query, then the path, so that on the wire the path has the last word.

use super::decode::Decoder;
use super::fault::Fault;
use super::plan::{Body, Plan};
use super::query::put_query;
use super::response::last_length;
use super::scalar::{self, Scalar};
use crate::json::{Reader, Token};
use crate::route::Found;
use crate::schema::{Kind, MessageId, Schema};
use crate::spelling::{self, WHOLE_BODY};
use crate::wire::FRAME_HEADER;

/// The parts of an HTTP request that fill a message.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    /// The route, with the path.
    pub(crate) found: &'a Found<'a>,
    /// The query, still encoded.
    pub(crate) query: Option<&'a str>,
    /// The body.
    pub(crate) body: &'a [u8],
    /// The content type, as sent.
    pub(crate) content_type: &'a str,
    /// How many messages the body holds.
    pub(crate) form: BodyForm,
    /// Whether members that no field has are skipped instead of refused.
    pub(crate) ignore_unknown: bool,
    /// The client's id of the request, where a header has it.
    pub(crate) request_id: Option<&'a str>,
    /// Where the stream goes on that a client connects to again, as digits.
    pub(crate) last_offset: Option<&'a str>,
    /// The `etag` that the resource must still have, where a header has it.
    pub(crate) etag: Option<&'a str>,
}

/// How many messages a body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyForm {
    /// One.
    Single,
    /// Any number, as a JSON array or as values one after another, which newlines may separate.
    Stream,
}

/// Writes one gRPC frame per message of the request.
pub(crate) fn request_frames(
    schema: &Schema,
    plan: &Plan,
    incoming: &Incoming<'_>,
) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(FRAME_HEADER + incoming.body.len() + 64);
    let mut rest = Vec::new();
    put_rest(schema, plan, incoming, &mut rest)?;
    match plan.body {
        Body::None if !incoming.body.is_empty() => {
            return Err(Fault::new("the method takes no body"));
        }
        Body::Raw | Body::RawField(_) => put_frame(&mut out, &[], |out| {
            let start = out.len();
            put_raw(schema, plan, incoming, out);
            out.extend_from_slice(&rest);
            put_headers(plan, incoming, start, out)
        })?,
        Body::Whole | Body::Field(_) if incoming.form == BodyForm::Stream => {
            put_stream(schema, plan, incoming, &rest, &mut out)?;
        }
        _ => put_frame(&mut out, &[], |out| {
            put_single(schema, plan, incoming, &rest, out)
        })?,
    }
    Ok(out)
}

/// What the query and the path fill, the same in every message.
fn put_rest(
    schema: &Schema,
    plan: &Plan,
    incoming: &Incoming<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    match incoming.query.filter(|query| !query.is_empty()) {
        Some(query) if matches!(plan.body, Body::Whole | Body::Raw) => {
            let name = query.split(['=', '&']).next().unwrap_or_default();
            let reason = "is in the query, and the method takes everything from its body";
            return Err(Fault::new(reason).within(name));
        }
        Some(query) => put_query(schema, plan, query, !incoming.body.is_empty(), out)?,
        None => {}
    }
    put_last_offset(schema, plan, incoming, out);
    for (variable, place) in &plan.variables {
        incoming
            .found
            .capture(variable)
            .map_err(Fault::new)
            .and_then(|text| place.put(schema, plan.input, text, out))
            .map_err(|fault| Fault {
                path: spelling::field(schema, plan, &variable.field_path.join(".")),
                ..fault
            })?;
    }
    Ok(())
}

/// Fills where a stream goes on. It goes before the query: a page that connects again has the address that it began with.
fn put_last_offset(schema: &Schema, plan: &Plan, incoming: &Incoming<'_>, out: &mut Vec<u8>) {
    if let (Some((number, kind)), Some(offset)) = (plan.offset, incoming.last_offset)
        && let Ok(value) = scalar::from_text(schema, kind, offset.into())
    {
        value.put(out, number);
    }
}

fn put_frame(
    out: &mut Vec<u8>,
    rest: &[u8],
    message: impl FnOnce(&mut Vec<u8>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEADER]);
    message(out)?;
    out.extend_from_slice(rest);
    let len = u32::try_from(out.len() - start - FRAME_HEADER)
        .map_err(|_| Fault::new("the message is larger than a frame can be"))?;
    out[start + 1..start + FRAME_HEADER].copy_from_slice(&len.to_be_bytes());
    Ok(())
}

fn put_single(
    schema: &Schema,
    plan: &Plan,
    incoming: &Incoming<'_>,
    rest: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let start = out.len();
    if !incoming.body.is_empty() {
        let mut reader = Reader::new(utf8(incoming.body)?);
        let body = reader.clone();
        put_value(schema, plan, incoming, &mut reader, out).map_err(of_body)?;
        reader.end()?;
        if let Some(update) = &plan.update
            && !is_given(rest, update.mask_number())
        {
            update.put_mask(schema, body, out)?;
        }
    }
    out.extend_from_slice(rest);
    put_headers(plan, incoming, start, out)
}

/// Fills what headers say of the request, which begins at `start`.
fn put_headers(
    plan: &Plan,
    incoming: &Incoming<'_>,
    start: usize,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    put_request_id(plan, incoming.request_id, start, out)?;
    if let (Some(precondition), Some(etag)) = (plan.precondition, incoming.etag) {
        precondition.put(etag, out);
    }
    Ok(())
}

/// Fills the id of the request, which begins at `start`, from its header. Where the message has another id, nobody can tell
/// under which of the two the client will send the request again.
pub(crate) fn put_request_id(
    plan: &Plan,
    id: Option<&str>,
    start: usize,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let (Some(number), Some(id)) = (plan.request_id, id) else {
        return Ok(());
    };
    let given = last_length(&out[start..], number).unwrap_or_default();
    if given.is_empty() {
        Scalar::Length(id.as_bytes().into()).put(out, number);
    } else if given != id.as_bytes() {
        let reason = "is another id than that of the header idempotency-key: send one of the two";
        return Err(Fault::new(reason).within("requestId"));
    }
    Ok(())
}

/// True where a field of text, or a message, is there and not empty.
fn is_given(message: &[u8], number: u32) -> bool {
    last_length(message, number).is_ok_and(|value| !value.is_empty())
}

fn put_value(
    schema: &Schema,
    plan: &Plan,
    incoming: &Incoming<'_>,
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let mut decoder = Decoder::new(schema, incoming.ignore_unknown);
    match &plan.body {
        Body::Field(place) => {
            let field = &schema.message(plan.input).fields[place.slots()[0]];
            decoder.field(field, reader, out).map(|_| ())
        }
        _ => decoder.message(plan.input, reader, out),
    }
}

/// A fault of the value that a body is, which has no path, by a name. One of its text says itself what it is about.
fn of_body(fault: Fault) -> Fault {
    match fault.path.is_empty() && fault.reason.starts_with("must ") {
        true => fault.within(WHOLE_BODY),
        false => fault,
    }
}

fn put_stream(
    schema: &Schema,
    plan: &Plan,
    incoming: &Incoming<'_>,
    rest: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let mut reader = Reader::new(utf8(incoming.body)?);
    if reader.at_array() {
        return put_array(schema, plan, incoming, rest, out);
    }
    let mut index = 0;
    while !reader.at_end() {
        put_frame(out, rest, |out| {
            put_value(schema, plan, incoming, &mut reader, out)
        })
        .map_err(|fault| fault.at(index))?;
        index += 1;
    }
    Ok(())
}

fn put_array(
    schema: &Schema,
    plan: &Plan,
    incoming: &Incoming<'_>,
    rest: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let mut reader = Reader::new(utf8(incoming.body)?);
    if !matches!(reader.value()?, Token::Array) {
        return Err(Fault::new("must be an array of messages"));
    }
    let mut index = 0;
    while reader.element(index == 0)? {
        put_frame(out, rest, |out| {
            put_value(schema, plan, incoming, &mut reader, out)
        })
        .map_err(|fault| fault.at(index))?;
        index += 1;
    }
    Ok(reader.end()?)
}

/// Writes a `google.api.HttpBody`, by itself or into its field.
fn put_raw(schema: &Schema, plan: &Plan, incoming: &Incoming<'_>, out: &mut Vec<u8>) {
    let put = |out: &mut Vec<u8>| {
        if !incoming.content_type.is_empty() {
            Scalar::Length(incoming.content_type.as_bytes().into()).put(out, 1);
        }
        if !incoming.body.is_empty() {
            Scalar::Length(incoming.body.into()).put(out, 2);
        }
    };
    match raw_field_number(schema, plan.input, &plan.body) {
        None => put(out),
        Some(number) => {
            let mut body = Vec::with_capacity(incoming.body.len() + 64);
            put(&mut body);
            Scalar::Length(body.into()).put(out, number);
        }
    }
}

fn raw_field_number(schema: &Schema, input: MessageId, body: &Body) -> Option<u32> {
    let Body::RawField(place) = body else {
        return None;
    };
    let field = place.fields(schema, input).last()?;
    matches!(field.kind, Kind::Message(_)).then_some(field.number)
}

fn utf8(body: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(body).map_err(|_| Fault::new("the body is not UTF-8"))
}

impl Reader<'_> {
    /// True where the next value is an array; nothing is consumed.
    fn at_array(&mut self) -> bool {
        matches!(self.clone().value(), Ok(Token::Array))
    }
}
