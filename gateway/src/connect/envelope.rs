//! Envelopes: a byte of flags, a length, and a message. Those of one message without flags are also frames of gRPC.

use bytes::Bytes;
use tonic::{Code, Status};

use super::error::coded;
use crate::refusal::{invalid, too_large};
use crate::wire::FRAME_HEADER;

const COMPRESSED: u8 = 1;
/// The flag of what ends an answer.
pub(super) const END: u8 = 2;

/// What `put` writes, in an envelope. `room` is how long it may be.
pub(crate) fn sealed<E>(
    flags: u8,
    room: usize,
    put: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<Bytes, E> {
    let mut out = Vec::with_capacity(FRAME_HEADER + room);
    out.extend_from_slice(&[flags, 0, 0, 0, 0]);
    put(&mut out)?;
    // Requests and answers have bounds far below it.
    let len = u32::try_from(out.len() - FRAME_HEADER).unwrap_or(u32::MAX);
    out[1..FRAME_HEADER].copy_from_slice(&len.to_be_bytes());
    Ok(out.into())
}

/// A message in an envelope.
pub(crate) fn around<E>(message: &[u8]) -> Result<Bytes, E> {
    sealed(0, message.len(), |out| {
        out.extend_from_slice(message);
        Ok(())
    })
}

/// What an envelope has.
pub(super) enum Opened {
    /// The message.
    Plain(Bytes),
    /// The message, compressed.
    Packed(Bytes),
}

/// The message of a body that is one envelope. It may be compressed where the call says how.
pub(super) fn opened(
    body: &Bytes,
    max_bytes: usize,
    may_be_packed: bool,
) -> Result<Opened, Status> {
    if body.is_empty() {
        return Err(not_one(
            "the request has no message, and the method takes one",
        ));
    }
    let ends_early = || invalid("the body of the request ends within a message");
    let (header, rest) = body
        .split_first_chunk::<FRAME_HEADER>()
        .ok_or_else(ends_early)?;
    let [flags, len @ ..] = *header;
    let len = u32::from_be_bytes(len) as usize;
    if flags & COMPRESSED != 0 && !may_be_packed {
        // The code is the one that Connect's own servers give.
        let message =
            "the message is compressed, and connect-content-encoding names no compression";
        return Err(coded(Code::Internal, &invalid(message)));
    }
    if flags & !COMPRESSED != 0 {
        return Err(invalid(
            "the envelope of a message has flags that a request must not have",
        ));
    }
    if len > max_bytes {
        return Err(too_large(max_bytes));
    }
    if rest.len() > len {
        return Err(not_one(
            "the request has several messages, and the method takes one",
        ));
    }
    if rest.len() < len {
        return Err(ends_early());
    }
    let message = body.slice_ref(rest);
    Ok(match flags & COMPRESSED {
        0 => Opened::Plain(message),
        _ => Opened::Packed(message),
    })
}

fn not_one(message: &str) -> Status {
    coded(Code::Unimplemented, &invalid(message))
}
