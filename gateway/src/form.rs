//! Forms with a file (`multipart/form-data`, RFC 7578): the file in them is taken as if it had been the body.

use std::ops::Range;

use bytes::Bytes;
use memchr::memmem::Finder;
use tonic::Status;

use crate::refusal::invalid;

/// Room for what a form has beside its file.
pub(crate) const FORM_ROOM: usize = 64 * 1024;
/// A form from a page has some dozen parts.
const MOST_PARTS: usize = 100;
/// RFC 2046 allows 70 characters.
const LONGEST_BOUNDARY: usize = 200;

/// A file, and the type that the client gave it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Empty where the client named none.
    pub(crate) content_type: String,
    pub(crate) data: Bytes,
}

/// A part of a form.
#[derive(Debug, Default)]
struct Part {
    /// What the client calls the file; absent in a part that is none.
    file_name: Option<Vec<u8>>,
    content_type: String,
    is_encoded: bool,
    data: Bytes,
}

/// The file of a form: the part that has a file name, or the only part. Parts without a file name are for the page that
/// sent them, and passed over. A field for a file that the person left empty is none.
pub(crate) fn file(body: &Bytes, boundary: &str) -> Result<File, Status> {
    if boundary.is_empty() || boundary.len() > LONGEST_BOUNDARY {
        let message = "the content-type header of the form has no boundary: let your client set the header, or send the \
                       file itself as the body";
        return Err(invalid(message));
    }
    let mut parts = parts(body, boundary)?;
    let is_only = parts.len() == 1;
    parts.retain(|part| match &part.file_name {
        Some(name) => !(name.is_empty() && part.data.is_empty()),
        None => is_only,
    });
    if parts.len() > 1 {
        return Err(invalid("the form has several files: send one a request"));
    }
    match parts.pop() {
        Some(part) if part.is_encoded => Err(invalid(
            "the file in the form has a content-transfer-encoding: send its bytes as they are",
        )),
        Some(part) => Ok(File {
            content_type: part.content_type,
            data: part.data,
        }),
        None => Err(invalid(
            "the form has no file: send one as a part with a file name, or the file itself as the body",
        )),
    }
}

fn parts(body: &Bytes, boundary: &str) -> Result<Vec<Part>, Status> {
    let broken = || {
        invalid(
            "the form ends before its last boundary, or has another boundary than its header says",
        )
    };
    let delimiters = Delimiters {
        body,
        line: format!("\r\n--{boundary}"),
    };
    let finder = Finder::new(delimiters.line.as_bytes());
    let mut at = delimiters.first(&finder).ok_or_else(broken)?;
    let mut parts = Vec::new();
    while !at.is_last {
        if parts.len() == MOST_PARTS {
            return Err(invalid(format!(
                "the form has more than {MOST_PARTS} parts"
            )));
        }
        let next = delimiters
            .next(&finder, at.range.end.saturating_sub(2))
            .ok_or_else(broken)?;
        let part = body.slice(at.range.end..next.range.start.max(at.range.end));
        parts.push(Part::read(&part)?);
        at = next;
    }
    Ok(parts)
}

/// Where parts begin and end.
struct Delimiters<'a> {
    body: &'a [u8],
    line: String,
}

struct Delimiter {
    /// From the line break before to the one after.
    range: Range<usize>,
    is_last: bool,
}

impl Delimiters<'_> {
    fn first(&self, finder: &Finder<'_>) -> Option<Delimiter> {
        // Nothing needs to precede it.
        let line = self.line.as_bytes().get(2..)?;
        let at_start = self.body.starts_with(line).then(|| self.at(0, line.len()));
        at_start.flatten().or_else(|| self.next(finder, 0))
    }

    fn next(&self, finder: &Finder<'_>, mut from: usize) -> Option<Delimiter> {
        loop {
            let start = from + finder.find(self.body.get(from..)?)?;
            let end = start + self.line.len();
            match self.at(start, end) {
                Some(delimiter) => return Some(delimiter),
                // The boundary is only how another text begins.
                None => from = end,
            }
        }
    }

    fn at(&self, start: usize, end: usize) -> Option<Delimiter> {
        let after = self.body.get(end..)?;
        if after.starts_with(b"--") {
            let range = start..end;
            return Some(Delimiter {
                range,
                is_last: true,
            });
        }
        let padding = after.iter().take_while(|it| matches!(it, b' ' | b'\t'));
        let padding = padding.count();
        let is_line = after.get(padding..)?.starts_with(b"\r\n");
        is_line.then(|| Delimiter {
            range: start..end + padding + 2,
            is_last: false,
        })
    }
}

impl Part {
    fn read(part: &Bytes) -> Result<Self, Status> {
        let (headers, data) = match memchr::memmem::find(part, b"\r\n\r\n") {
            _ if part.starts_with(b"\r\n") => (&[][..], part.slice(2..)),
            Some(end) => (&part[..end], part.slice(end + 4..)),
            None => return Err(invalid("a part of the form has no end of its headers")),
        };
        let mut read = Self {
            data,
            ..Self::default()
        };
        for line in headers.split(|byte| *byte == b'\n') {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else {
                continue;
            };
            let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-disposition") {
                read.file_name = file_name(value);
            } else if name.eq_ignore_ascii_case(b"content-type") {
                let text = std::str::from_utf8(value).ok().filter(|it| it.is_ascii());
                read.content_type = text.unwrap_or_default().to_owned();
            } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
                let plain: [&[u8]; 3] = [b"binary", b"8bit", b"7bit"];
                read.is_encoded = !plain.iter().any(|it| it.eq_ignore_ascii_case(value));
            }
        }
        Ok(read)
    }
}

/// The file name in a `content-disposition`. A quoted value ends at the next quote, as browsers write it: a backslash is
/// only a backslash.
fn file_name(disposition: &[u8]) -> Option<Vec<u8>> {
    let mut rest = disposition;
    let mut found = None;
    while let Some(start) = rest.iter().position(|byte| *byte == b';') {
        rest = rest.get(start + 1..)?.trim_ascii_start();
        let Some(equals) = rest.iter().position(|byte| matches!(byte, b'=' | b';')) else {
            break;
        };
        if rest[equals] == b';' {
            continue;
        }
        let name = rest[..equals].trim_ascii_end();
        rest = rest[equals + 1..].trim_ascii_start();
        let (value, after) = match rest.strip_prefix(b"\"") {
            Some(quoted) => until(quoted, b'"'),
            None => until(rest, b';'),
        };
        rest = after;
        let is_name =
            name.eq_ignore_ascii_case(b"filename") || name.eq_ignore_ascii_case(b"filename*");
        if is_name && found.as_ref().is_none_or(Vec::is_empty) {
            found = Some(value.trim_ascii().to_vec());
        }
    }
    found
}

/// What comes before `end`, and the rest from it.
fn until(text: &[u8], end: u8) -> (&[u8], &[u8]) {
    let at = text.iter().position(|byte| *byte == end);
    text.split_at(at.unwrap_or(text.len()))
}

#[cfg(test)]
mod tests;
