//! Messages that come compressed by gzip. They are unpacked piece by piece, and none further than its method takes, whatever a
//! small message would grow to.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::query::Query;
use super::unimplemented;
use super::writer::Source;
use crate::intake::{Room, SMALL};
use crate::refusal::{Refusal, invalid, too_large};

const STREAM_ENCODING: &str = "connect-content-encoding";
/// What is unpacked before others have their turn.
const PART_BYTES: usize = 32 << 10;

/// Whether the messages of a call are compressed, by what the call says. Refused are other ways to compress, and any for the
/// messages of a stream that is passed on.
pub(super) fn is_packed(
    headers: &HeaderMap,
    source: &Source<'_>,
    is_passed_on: bool,
) -> Result<bool, Refusal> {
    let (named, by_http, accepted) = match source {
        Source::Query(query) => (in_query(query), Vec::new(), "accept-encoding"),
        Source::Body => (
            sent(headers, "content-encoding"),
            Vec::new(),
            "accept-encoding",
        ),
        Source::Envelope => (
            sent(headers, STREAM_ENCODING),
            sent(headers, "content-encoding"),
            "connect-accept-encoding",
        ),
    };
    let supported = if is_passed_on { "identity" } else { "gzip" };
    // Each message of a stream is compressed by itself, and not the stream.
    let odd = match named.as_slice() {
        [] => by_http.first(),
        [one] if !is_passed_on && one.eq_ignore_ascii_case(b"gzip") => by_http.first(),
        [first, ..] => Some(first),
    };
    let Some(odd) = odd else {
        return Ok(!named.is_empty());
    };
    let message = format!(
        "the compression {} is not supported here: supported encodings are {supported}",
        odd.escape_ascii()
    );
    let accepted = HeaderName::from_static(accepted);
    let supported = HeaderValue::from_static(supported);
    Err(Refusal::from(unimplemented(&message)).with(accepted, supported))
}

/// The compressions that a header names.
fn sent<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h [u8]> {
    let values = headers.get_all(name).into_iter();
    let codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    codings
        .map(<[u8]>::trim_ascii)
        .filter(|it| is_one(it))
        .collect()
}

fn in_query<'q>(query: &'q Query<'_>) -> Vec<&'q [u8]> {
    let named = query.compression.as_deref().map(str::as_bytes);
    named.filter(|it| is_one(it)).into_iter().collect()
}

fn is_one(name: &[u8]) -> bool {
    !name.is_empty() && !name.eq_ignore_ascii_case(b"identity")
}

/// Unpacks a message that may have `max_bytes` then, into the room of its call. Nothing is nothing, compressed or not.
pub(super) async fn unpacked(
    packed: Bytes,
    max_bytes: usize,
    room: &mut Room,
) -> Result<Bytes, Refusal> {
    if packed.is_empty() {
        return Ok(packed);
    }
    let mut reader = MultiGzDecoder::new(&*packed);
    let mut message = BytesMut::new();
    let mut part = vec![0; PART_BYTES];
    loop {
        let read = reader.read(&mut part);
        let len = read.map_err(|_| invalid("the message is compressed, and not valid gzip"))?;
        if len == 0 {
            return Ok(message.freeze());
        }
        if message.len() + len > max_bytes {
            return Err(too_large(max_bytes).into());
        }
        let here = packed.len() + message.len() + len;
        if here > SMALL {
            room.hold(here, 0)?;
        }
        message.extend_from_slice(&part[..len]);
        tokio::task::yield_now().await;
    }
}
