//! Takes an answer apart, by its bytes and not by its label: Server-Sent Events as the HTML standard defines them, JSON line by
//! line, or one JSON document. Servers mix these and break their rules, so a line is read for what it is. Pure; fed with chunks
//! that are cut anywhere.

use serde_json::Value;

use super::json;

/// The largest line, event or document: thoughts and pictures come in lines of megabytes. A server that sends more is broken
/// or hostile.
const MAX_BYTES: usize = 32 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// What ends a stream of OpenAI's dialects.
const DONE: &[u8] = b"[DONE]";

/// A part of an answer that is larger than any completion's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a part of the answer is larger than {} MiB", MAX_BYTES >> 20)]
pub(super) struct TooLarge;

/// An event, a line, or a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    /// The event's name; mostly empty.
    pub(super) name: String,
    pub(super) body: Body,
}

/// What a frame carries.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    /// A JSON object.
    Json(Value),
    /// The mark that nothing follows.
    Done,
    /// Something that isn't meant to be JSON.
    Words(String),
    /// Something that begins as JSON does and is none.
    Broken,
}

/// Takes an answer apart. Lines are cut as bytes, so that a character may be split between chunks.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// A line that has not ended yet.
    line: Vec<u8>,
    /// The event so far.
    event: Pending,
    /// Lines that belong to no event: they may be a document.
    document: Vec<u8>,
    after_carriage_return: bool,
    first_line_read: bool,
    /// Whether it is one of several parts, as opposed to one document.
    is_stream: bool,
    has_events: bool,
}

/// An event of which the end has not come.
#[derive(Debug, Default)]
struct Pending {
    name: String,
    /// The data lines, each with its line feed.
    data: Vec<u8>,
    lines: usize,
    /// Whether the name came before the data.
    was_named: bool,
}

/// A line of a stream of events.
enum Field<'a> {
    Data(&'a [u8]),
    Event(&'a [u8]),
    /// A comment, or a field that says nothing here.
    Other,
}

impl Frames {
    /// Takes the next bytes, and adds the frames that they complete.
    pub(super) fn push(&mut self, mut chunk: &[u8], out: &mut Vec<Frame>) -> Result<(), TooLarge> {
        if chunk.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.after_carriage_return) {
            chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
        }
        while let Some(end) = chunk.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, rest) = chunk.split_at(end);
            self.extend_line(line)?;
            self.end_line(out);
            chunk = match rest {
                [b'\r', b'\n', after @ ..] => after,
                [b'\r'] => {
                    self.after_carriage_return = true;
                    &[]
                }
                [_, after @ ..] => after,
                [] => &[],
            };
        }
        self.extend_line(chunk)
    }

    /// Adds what is left when nothing follows: many servers leave out the last line's end.
    pub(super) fn finish(&mut self, out: &mut Vec<Frame>) {
        self.end_line(out);
        self.event.dispatch(out);
        let document = std::mem::take(&mut self.document);
        if document.trim_ascii().is_empty() {
            return;
        }
        match json::parse_all(&document) {
            Some(values) => values
                .into_iter()
                .for_each(|value| add_value("", value, out)),
            None if self.is_stream || is_jsonlike(&document) => add("", Body::Broken, out),
            None => add("", Body::Words(words(&document)), out),
        }
    }

    /// Whether any of it was a line of Server-Sent Events.
    pub(super) fn has_events(&self) -> bool {
        self.has_events
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        let held = self.line.len() + self.event.data.len() + self.document.len();
        if held + bytes.len() > MAX_BYTES {
            return Err(TooLarge);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, out: &mut Vec<Frame>) {
        let whole = std::mem::take(&mut self.line);
        let mut line = whole.as_slice();
        if !std::mem::replace(&mut self.first_line_read, true) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            return self.event.dispatch(out);
        }
        let Some(field) = field(line) else {
            return self.bare(line, out);
        };
        self.is_stream = true;
        self.has_events = true;
        match field {
            Field::Data(data) => self.event.add_data(data, out),
            Field::Event(name) => self.event.set_name(name, out),
            Field::Other => {}
        }
    }

    /// A line that is no field of an event.
    fn bare(&mut self, line: &[u8], out: &mut Vec<Frame>) {
        if self.event.lines > 0 && !self.event.is_whole() {
            // Its JSON is broken into lines.
            return self.event.add_data(line, out);
        }
        let mut found = Vec::new();
        if self.document.is_empty() && is_jsonlike(line) {
            read("", line, &mut found);
        }
        let is_frame = !found.is_empty() && found.iter().all(|frame| frame.body != Body::Broken);
        if is_frame {
            // JSON line by line, or an error that a server writes among its events as it is.
            self.event.dispatch(out);
            self.is_stream = true;
            out.extend(found);
        } else if !self.document.is_empty() || !self.is_stream || is_jsonlike(line) {
            self.document.extend_from_slice(line);
            self.document.push(b'\n');
        }
    }
}

impl Pending {
    fn set_name(&mut self, name: &[u8], out: &mut Vec<Frame>) {
        if self.was_named && self.lines > 0 {
            // The blank line between two events is missing.
            self.dispatch(out);
        }
        self.name = words(name);
        self.was_named = self.lines == 0;
    }

    fn add_data(&mut self, data: &[u8], out: &mut Vec<Frame>) {
        if self.lines == 1 && self.is_whole() {
            // The blank line between two events is missing.
            self.dispatch(out);
        }
        self.data.extend_from_slice(data);
        self.data.push(b'\n');
        self.lines += 1;
    }

    /// Whether the data could stand alone.
    fn is_whole(&self) -> bool {
        let data = self.data.trim_ascii();
        let may_be = data.ends_with(b"}") || data.ends_with(b"]");
        may_be && (is_done(data) || json::parse(data).is_some())
    }

    fn dispatch(&mut self, out: &mut Vec<Frame>) {
        let event = std::mem::take(self);
        if event.lines > 0 {
            read(&event.name, &event.data, out);
        }
    }
}

/// The field that a line is. The value of a field that has none is empty.
fn field(line: &[u8]) -> Option<Field<'_>> {
    let colon = line.iter().position(|byte| *byte == b':');
    let (name, value) = line.split_at(colon.unwrap_or(line.len()));
    let value = value.strip_prefix(b":").unwrap_or(value);
    let value = value.strip_prefix(b" ").unwrap_or(value);
    match name {
        b"data" => Some(Field::Data(value)),
        b"event" => Some(Field::Event(value)),
        b"id" | b"retry" => Some(Field::Other),
        b"" if colon.is_some() => Some(Field::Other),
        _ => None,
    }
}

/// Adds what an event's data, or a line, holds.
fn read(name: &str, data: &[u8], out: &mut Vec<Frame>) {
    let mut data = data.trim_ascii();
    while let Some(rest) = data.strip_prefix(b"data:") {
        // Behind two proxies.
        data = rest.trim_ascii_start();
    }
    if is_done(data) {
        return add(name, Body::Done, out);
    }
    if data.is_empty() {
        // A heartbeat, unless its name says otherwise.
        if !name.is_empty() {
            add(name, Body::Words(String::new()), out);
        }
        return;
    }
    if !is_jsonlike(data) && data[0] != b'"' {
        return add(name, Body::Words(words(data)), out);
    }
    let values = json::parse(data).map(|value| vec![value]);
    match values.or_else(|| json::parse_all(data)) {
        Some(values) => values
            .into_iter()
            .for_each(|value| add_value(name, value, out)),
        None => read_lines(name, data, out),
    }
}

/// Several events that came as one, as where the blank lines between them are missing.
fn read_lines(name: &str, data: &[u8], out: &mut Vec<Frame>) {
    let lines: Vec<&[u8]> = data
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .collect();
    let is_known = |line: &&[u8]| line.is_empty() || is_done(line) || json::parse(line).is_some();
    match lines.len() > 1 && lines.iter().all(is_known) {
        true => lines.into_iter().for_each(|line| read(name, line, out)),
        false => add(name, Body::Broken, out),
    }
}

/// Only objects say something: a list has some of them, and a text may have one in it.
fn add_value(name: &str, value: Value, out: &mut Vec<Frame>) {
    match value {
        Value::Object(_) => add(name, Body::Json(value), out),
        Value::Array(values) => values
            .into_iter()
            .for_each(|value| add_value(name, value, out)),
        Value::String(text) => match json::parse(text.as_bytes()) {
            Some(Value::Object(object)) => add(name, Body::Json(Value::Object(object)), out),
            _ => add(name, Body::Words(text), out),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn add(name: &str, body: Body, out: &mut Vec<Frame>) {
    let name = name.to_owned();
    out.push(Frame { name, body });
}

fn is_done(data: &[u8]) -> bool {
    data.eq_ignore_ascii_case(DONE)
}

fn is_jsonlike(data: &[u8]) -> bool {
    matches!(data.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn words(data: &[u8]) -> String {
    const MOST: usize = 4096;
    let data = data.trim_ascii();
    String::from_utf8_lossy(&data[..data.len().min(MOST)]).into_owned()
}

#[cfg(test)]
mod tests;
