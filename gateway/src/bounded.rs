//! The body of a gRPC request on its way through: each message is held to the size that its method takes, and to the room
//! that there is for bodies, as soon as its length is known.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use tonic::body::Body;

use crate::guard::caught;
use crate::intake::{Room, SMALL};
use crate::refusal::{Refusal, invalid, too_large};
use crate::wire::FRAME_HEADER;

/// The body.
#[derive(Debug)]
pub(crate) struct Bounded {
    inner: Body,
    max_bytes: usize,
    header: [u8; FRAME_HEADER],
    header_len: usize,
    /// Bytes of the message that are still to come.
    left: usize,
    /// For the largest message so far. The service holds it whole when it decodes it.
    room: Room,
    refused: Refused,
}

/// Tells why a body was refused, once its call has failed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refused(Arc<Mutex<Option<Status>>>);

impl Refused {
    /// The reason, where there is one.
    pub(crate) fn take(&self) -> Option<Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, status: &Status) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(status.clone());
    }
}

impl Bounded {
    /// Bounds the messages of a body.
    pub(crate) fn new(inner: Body, max_bytes: usize, room: Room) -> (Self, Refused) {
        let refused = Refused::default();
        let header = [0; FRAME_HEADER];
        let body = Self {
            inner,
            max_bytes,
            header,
            header_len: 0,
            left: 0,
            room,
            refused: refused.clone(),
        };
        (body, refused)
    }

    /// Reads all of a body that is one message, in the time that bodies have to arrive, with the room that it takes.
    pub(crate) async fn message(mut self) -> Result<(Bytes, Room), Status> {
        let started = Instant::now();
        let (mut first, mut all) = (Bytes::new(), BytesMut::new());
        loop {
            let so_far = first.len() + all.len();
            let due = started + self.room.time_for(so_far);
            let Ok(frame) = timeout_at(due, self.frame()).await else {
                return Err(Refusal::body_too_late().status);
            };
            let Some(frame) = frame else { break };
            let broke_off = || invalid("the body of the request broke off");
            let frame = frame.map_err(|_| self.refused.take().unwrap_or_else(broke_off))?;
            let Ok(chunk) = frame.into_data() else {
                continue;
            };
            if so_far + chunk.len() > self.max_bytes + FRAME_HEADER {
                return Err(too_large(self.max_bytes));
            }
            if so_far == 0 {
                first = chunk;
            } else {
                all.extend_from_slice(&std::mem::take(&mut first));
                all.extend_from_slice(&chunk);
            }
            if self.inner.is_end_stream() {
                break;
            }
        }
        let message = if all.is_empty() { first } else { all.freeze() };
        Ok((message, self.room))
    }

    fn check(&mut self, mut chunk: &[u8]) -> Result<(), Status> {
        loop {
            let skipped = self.left.min(chunk.len());
            self.left -= skipped;
            chunk = &chunk[skipped..];
            if chunk.is_empty() {
                return Ok(());
            }
            let taken = (FRAME_HEADER - self.header_len).min(chunk.len());
            self.header[self.header_len..self.header_len + taken].copy_from_slice(&chunk[..taken]);
            self.header_len += taken;
            chunk = &chunk[taken..];
            if self.header_len == FRAME_HEADER {
                self.header_len = 0;
                let [_, len @ ..] = self.header;
                self.left = u32::from_be_bytes(len) as usize;
                self.let_in(self.left, chunk.len())
                    .inspect_err(|status| self.refused.set(status))?;
            }
        }
    }

    /// Whether a message of a length may come, of which a part has.
    fn let_in(&mut self, len: usize, here: usize) -> Result<(), Status> {
        if len > self.max_bytes {
            return Err(too_large(self.max_bytes));
        }
        if len > SMALL || len > here {
            self.room.grow_to(len)?;
        }
        Ok(())
    }
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        // It is read where the connection to the upstream is driven, which others use too.
        let polled = caught(|| Pin::new(&mut this.inner).poll_frame(cx));
        let frame = match polled {
            Ok(polled) => ready!(polled),
            Err(status) => {
                this.inner = Body::empty();
                Some(Err(status))
            }
        };
        Poll::Ready(frame.map(|frame| {
            let frame = frame?;
            if let Some(chunk) = frame.data_ref() {
                this.check(chunk)?;
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Bodies;
    use crate::intake::{Intake, Sender};
    use crate::rates::Payer;

    fn first_refused(chunks: &[&[u8]]) -> Option<usize> {
        let intake = Intake::new(&Bodies::default());
        let nobody = Payer::Address([192, 0, 2, 1].into());
        let room = intake.room(Sender::new([192, 0, 2, 1].into(), &nobody));
        let (mut body, refused) = Bounded::new(Body::empty(), 4, room);
        let at = chunks.iter().position(|chunk| body.check(chunk).is_err());
        assert_eq!(refused.take().is_some(), at.is_some());
        at
    }

    #[test]
    fn messages_within_the_bound_pass_however_they_are_cut() {
        assert_eq!(
            first_refused(&[&[0, 0, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 0, 0]]),
            None
        );
        assert_eq!(
            first_refused(&[&[0, 0], &[0, 0], &[4, 1], &[2, 3, 4, 0], &[0, 0, 0, 1, 9]]),
            None
        );
    }

    #[test]
    fn a_message_too_large_is_refused_before_it_arrives() {
        assert_eq!(first_refused(&[&[0, 0, 0, 0, 5]]), Some(0));
        assert_eq!(
            first_refused(&[&[0, 0, 0, 0, 1, 7, 0, 0], &[0, 1, 0]]),
            Some(1)
        );
    }
}
