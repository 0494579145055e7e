//! The messages of an upstream's answer, taken out of its frames without copying where a frame arrives whole.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body as _;
use tonic::body::Body;
use tonic::{Code, Status};
use troupe_proto::{Reason, error};

use crate::catalog::Method;
use crate::refusal;
use crate::wire::FRAME_HEADER;

/// Reads messages until the upstream's status.
#[derive(Debug)]
pub(crate) struct Messages {
    method: Arc<Method>,
    body: Body,
    /// What arrived and was not taken yet.
    pending: Pending,
    trailers: Option<HeaderMap>,
    /// True where the headers said before that the call succeeded, as they do where no message follows.
    succeeded: bool,
    max_bytes: usize,
}

#[derive(Debug)]
enum Pending {
    Chunk(Bytes),
    /// Parts of a frame that arrived in several chunks.
    Parts(BytesMut),
}

impl Messages {
    /// Reads the body of a method's answer, whose headers tell of no failure; a message larger than `max_bytes` is an
    /// error.
    pub(crate) fn new(
        method: Arc<Method>,
        headers: &HeaderMap,
        body: Body,
        max_bytes: usize,
    ) -> Self {
        Self {
            method,
            body,
            pending: Pending::Chunk(Bytes::new()),
            trailers: None,
            succeeded: headers.contains_key("grpc-status"),
            max_bytes,
        }
    }

    /// The next message; None at the end, where the upstream reports success.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Status>>> {
        loop {
            match self.take() {
                Ok(None) => {}
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Err(status) => return Poll::Ready(Some(Err(status))),
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) => self.append(chunk),
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
                Some(Err(cause)) => {
                    return Poll::Ready(Some(Err(self.method.unreachable(&cause))));
                }
                None => return Poll::Ready(self.end().err().map(Err)),
            }
        }
    }

    /// Like [`Self::poll_next`].
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Status>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The message of an answer that has one.
    pub(crate) async fn only(&mut self) -> Result<Bytes, Status> {
        let message = match self.next().await {
            Some(message) => message?,
            None => return Err(broken_answer("has no message")),
        };
        match self.next().await {
            None => Ok(message),
            Some(Ok(_)) => Err(broken_answer("has several messages")),
            Some(Err(status)) => Err(status),
        }
    }

    /// The trailers, once the end was reached.
    pub(crate) fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    fn end(&self) -> Result<(), Status> {
        if self.pending.len() > 0 {
            return Err(broken_answer("ended inside a message"));
        }
        match self.trailers.as_ref().and_then(Status::from_header_map) {
            Some(status) if status.code() == Code::Ok => Ok(()),
            Some(status) => Err(refusal::from_upstream(status)),
            None if self.succeeded => Ok(()),
            None => Err(broken_answer("ended without a status")),
        }
    }

    fn append(&mut self, chunk: Bytes) {
        match &mut self.pending {
            Pending::Chunk(rest) if rest.is_empty() => self.pending = Pending::Chunk(chunk),
            Pending::Chunk(rest) => {
                let mut parts = BytesMut::with_capacity(rest.len() + chunk.len());
                parts.extend_from_slice(rest);
                parts.extend_from_slice(&chunk);
                self.pending = Pending::Parts(parts);
            }
            Pending::Parts(parts) => parts.extend_from_slice(&chunk),
        }
    }

    fn take(&mut self) -> Result<Option<Bytes>, Status> {
        let Some(header) = self.pending.header() else {
            return Ok(None);
        };
        let [flag, len @ ..] = header;
        let len = u32::from_be_bytes(len) as usize;
        if flag != 0 {
            return Err(broken_answer("is compressed, which was not asked for"));
        }
        if len > self.max_bytes {
            return Err(broken_answer("is larger than the gateway takes"));
        }
        if self.pending.len() < FRAME_HEADER + len {
            return Ok(None);
        }
        Ok(Some(self.pending.split(len)))
    }
}

impl Pending {
    fn len(&self) -> usize {
        match self {
            Self::Chunk(bytes) => bytes.len(),
            Self::Parts(parts) => parts.len(),
        }
    }

    fn header(&self) -> Option<[u8; FRAME_HEADER]> {
        let bytes: &[u8] = match self {
            Self::Chunk(bytes) => bytes,
            Self::Parts(parts) => parts,
        };
        bytes.first_chunk().copied()
    }

    fn split(&mut self, len: usize) -> Bytes {
        match self {
            Self::Chunk(bytes) => {
                bytes.advance(FRAME_HEADER);
                bytes.split_to(len)
            }
            Self::Parts(parts) => {
                parts.advance(FRAME_HEADER);
                let message = parts.split_to(len).freeze();
                if parts.is_empty() {
                    *self = Self::Chunk(Bytes::new());
                }
                message
            }
        }
    }
}

/// An upstream that breaks the protocol or its contract.
pub(crate) fn broken_answer(what: &str) -> Status {
    tracing::error!(what, "an upstream's answer can't be used");
    error::status(Reason::Internal, "the service's answer can't be used")
}
