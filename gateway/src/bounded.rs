//! The body of a gRPC request on its way through: each message is held to the size that its method takes, and to the room
//! that there is for bodies, as soon as its length is known.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use crate::gather::{Part, State, read_to_end};
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
    /// How long the message is.
    len: usize,
    /// Bytes of it that are still to come.
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
            len: 0,
            left: 0,
            room,
            refused: refused.clone(),
        };
        (body, refused)
    }

    /// Reads all of a body that is one message, in the time that bodies have to arrive, with the room that it takes and that
    /// the request's headers take meanwhile.
    pub(crate) async fn message(mut self, headers: &HeaderMap) -> Result<(Bytes, Room), Status> {
        let (max_bytes, intake) = (self.max_bytes, self.room.intake());
        let keep = |body: &mut Self, part: Part| {
            if part.len > max_bytes + FRAME_HEADER {
                return Err(Refusal::too_large(max_bytes));
            }
            if let State::Awaited = part.state {
                body.room.hold_head(headers)?;
            }
            Ok(())
        };
        let message = read_to_end(&mut self, &intake, keep).await;
        let message = message.map_err(|refusal| self.refused.take().unwrap_or(refusal.status))?;
        if self.header_len > 0 || self.left > 0 {
            return Err(invalid("the body of the request ends within a message"));
        }
        if message.is_empty() {
            return Err(invalid(
                "the request has no message, and the method takes one",
            ));
        }
        Ok((message, self.room))
    }

    fn check(&mut self, mut chunk: &[u8]) -> Result<(), Status> {
        loop {
            let skipped = self.left.min(chunk.len());
            self.left -= skipped;
            chunk = &chunk[skipped..];
            if chunk.is_empty() {
                return self.count();
            }
            let taken = (FRAME_HEADER - self.header_len).min(chunk.len());
            self.header[self.header_len..self.header_len + taken].copy_from_slice(&chunk[..taken]);
            self.header_len += taken;
            chunk = &chunk[taken..];
            if self.header_len == FRAME_HEADER {
                self.header_len = 0;
                let [flag, len @ ..] = self.header;
                if flag > 1 {
                    return self.refuse(invalid(
                        "a message of the request begins with another flag than 0 or 1",
                    ));
                }
                self.len = u32::from_be_bytes(len) as usize;
                self.left = self.len;
                if self.len > self.max_bytes {
                    return self.refuse(too_large(self.max_bytes));
                }
            }
        }
    }

    /// Takes room for what is here of the message, unless that is all of a small one.
    fn count(&mut self) -> Result<(), Status> {
        if self.left == 0 && self.len <= SMALL {
            return Ok(());
        }
        match self.room.hold(self.len - self.left, self.len) {
            Ok(()) => Ok(()),
            Err(status) => self.refuse(status),
        }
    }

    fn refuse(&self, status: Status) -> Result<(), Status> {
        self.refused.set(&status);
        Err(status)
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
    use http_body_util::Full;
    use tonic::Code;

    use super::*;
    use crate::config::Bodies;
    use crate::intake::{Intake, Sender};
    use crate::rates::Payer;

    fn room() -> Room {
        let nobody = Payer::Address([192, 0, 2, 1].into());
        let sender = Sender::new([192, 0, 2, 1].into(), &nobody);
        Intake::new(&Bodies::default()).room(sender)
    }

    fn first_refused(chunks: &[&[u8]]) -> Option<usize> {
        let (mut body, refused) = Bounded::new(Body::empty(), 4, room());
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

    #[test]
    fn a_message_begins_with_a_flag_that_is_known() {
        assert_eq!(first_refused(&[&[1, 0, 0, 0, 1, 7]]), None);
        assert_eq!(
            first_refused(&[&[0, 0, 0, 0, 0], &[2, 0, 0, 0, 0]]),
            Some(1)
        );
    }

    #[tokio::test]
    async fn a_body_that_ends_before_its_message_or_within_it_is_refused() {
        const MESSAGE: [u8; 7] = [0, 0, 0, 0, 2, 8, 9];
        for len in 0..=MESSAGE.len() {
            let body = Body::new(Full::new(Bytes::from_static(&MESSAGE[..len])));
            let message = Bounded::new(body, 4, room())
                .0
                .message(&HeaderMap::new())
                .await;
            let code = message.map_or_else(|status| status.code(), |_| Code::Ok);
            let expected = match len == MESSAGE.len() {
                true => Code::Ok,
                false => Code::InvalidArgument,
            };
            assert_eq!(code, expected, "{len} bytes");
        }
    }
}
