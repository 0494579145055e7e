//! Server-Sent Events as the HTML standard defines them, as far as completions use them: the data of each event. Pure;
//! fed with chunks that are cut anywhere.

/// The largest event; a server that sends more is broken or hostile.
const MAX_EVENT_BYTES: usize = 1 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// An event that is larger than any completion's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is larger than {MAX_EVENT_BYTES} bytes")]
pub(super) struct TooLarge;

/// Takes a stream apart into events. Lines are cut as bytes, so that a character may be split between chunks.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// A line that has not ended yet.
    line: Vec<u8>,
    /// The data lines of the event so far, each with its line feed.
    data: Vec<u8>,
    after_carriage_return: bool,
    first_line_read: bool,
}

impl Parser {
    /// Takes the next bytes and calls `on_event` with the data of each event that they complete. An event without data
    /// is none, and what follows the last blank line is dropped with the parser, as the standard says.
    pub(super) fn push(
        &mut self,
        mut chunk: &[u8],
        mut on_event: impl FnMut(&[u8]),
    ) -> Result<(), TooLarge> {
        if chunk.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.after_carriage_return) {
            chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
        }
        while let Some(end) = chunk.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, rest) = chunk.split_at(end);
            self.extend_line(line)?;
            self.end_line(&mut on_event);
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

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        if self.line.len() + self.data.len() + bytes.len() > MAX_EVENT_BYTES {
            return Err(TooLarge);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, on_event: &mut impl FnMut(&[u8])) {
        let mut line = self.line.as_slice();
        if !std::mem::replace(&mut self.first_line_read, true) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            if let Some((_, data)) = self.data.split_last() {
                on_event(data);
            }
            self.data.clear();
        } else if let Some(value) = data_of(line) {
            self.data.extend_from_slice(value);
            self.data.push(b'\n');
        }
        self.line.clear();
    }
}

/// The value of a `data` line; `None` for comments and other fields.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"data")? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
