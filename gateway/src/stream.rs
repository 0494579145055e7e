//! A server stream as an HTTP body: server-sent events, newline-delimited JSON, a JSON array, raw bytes, or the envelopes of
//! Connect. Each message is one write. A stream that breaks says so in its own form, and never just ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use tokio::time::{Instant, Sleep};
use tonic::{Code, Status};

use crate::accept;
use crate::catalog::Catalog;
use crate::connect::{Codec, end_of_stream, envelope};
use crate::explained::explained;
use crate::guard::caught;
use crate::messages::{Messages, broken_answer};
use crate::refusal::{put_status, too_late};
use crate::spelling;
use crate::transcode::{EncodeError, FAILURE, Plan, put_answer, raw_content};
use crate::visit::AccessLog;

/// The form of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `text/event-stream`.
    Events,
    /// `application/x-ndjson`.
    Lines,
    /// `application/json`.
    Array,
    /// The bytes of `google.api.HttpBody` messages, one after another.
    Raw,
    /// The envelopes of Connect.
    Envelopes(Codec),
}

impl Form {
    /// What a client accepts best. Without a preference it is events, which tools make clients for and pages read by themselves.
    pub(crate) fn accepted(headers: &HeaderMap) -> Self {
        const FORMS: [(&[&str], Form); 3] = [
            (&["text/event-stream"], Form::Events),
            (
                &[
                    "application/x-ndjson",
                    "application/ndjson",
                    "application/jsonl",
                ],
                Form::Lines,
            ),
            (&["application/json", "text/json"], Form::Array),
        ];
        accept::best(headers, &FORMS, Self::Events)
    }

    /// The content type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Lines => "application/x-ndjson",
            Self::Array => "application/json",
            Self::Raw => "application/octet-stream",
            Self::Envelopes(codec) => codec.stream_type(),
        }
    }
}

/// How messages are written.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    /// It has the schema.
    pub(crate) catalog: Arc<Catalog>,
    /// What is returned of a message.
    pub(crate) plan: Arc<Plan>,
    /// Whether fields that hold their default are written.
    pub(crate) print_defaults: bool,
    /// The form.
    pub(crate) form: Form,
    /// Which request it is, for a refusal at the end.
    pub(crate) request_id: HeaderValue,
}

/// The body.
#[derive(Debug)]
pub(crate) struct StreamBody {
    style: Style,
    messages: Messages,
    /// What was read to learn whether the call fails before its first message.
    first: Option<Option<Result<Bytes, Status>>>,
    written: usize,
    ended: bool,
    /// Why raw bytes break off, once those before it are on their way.
    broken: Option<Status>,
    heartbeat: Pin<Box<Sleep>>,
    silence: Duration,
    deadline: Pin<Box<Sleep>>,
    log: AccessLog,
}

/// A stream that goes on after `first`, or from its start where nothing was read yet.
pub(crate) struct Begun {
    pub(crate) style: Style,
    pub(crate) messages: Messages,
    pub(crate) first: Option<Option<Result<Bytes, Status>>>,
    /// After which a heartbeat is written.
    pub(crate) silence: Duration,
    pub(crate) deadline: Instant,
}

impl Begun {
    /// The body, whose end is logged.
    pub(crate) fn body(self, log: AccessLog) -> StreamBody {
        StreamBody {
            style: self.style,
            messages: self.messages,
            first: self.first,
            written: 0,
            ended: false,
            broken: None,
            heartbeat: Box::pin(tokio::time::sleep(self.silence)),
            silence: self.silence,
            deadline: Box::pin(tokio::time::sleep_until(self.deadline)),
            log,
        }
    }
}

impl StreamBody {
    fn message(&mut self, message: &Bytes) -> Result<Bytes, Status> {
        let Style {
            catalog,
            plan,
            print_defaults,
            form,
            ..
        } = &self.style;
        let broken = |error: EncodeError| broken_answer(&error.to_string());
        if *form == Form::Raw {
            let content = raw_content(&catalog.schema, plan, message).map_err(broken)?;
            return Ok(content
                .map(|content| message.slice_ref(content.data))
                .unwrap_or_default());
        }
        let put = |out: &mut Vec<u8>| {
            put_answer(&catalog.schema, plan, *print_defaults, message, out).map_err(broken)
        };
        match form {
            Form::Envelopes(Codec::Proto) => return envelope::around(message),
            Form::Envelopes(Codec::Json) => return envelope::sealed(0, message.len() * 2, put),
            _ => {}
        }
        let mut out = Vec::with_capacity(message.len() * 2 + 64);
        if let (Form::Events, Some(events)) = (form, &plan.events) {
            events.put_head(message, &mut out).map_err(broken)?;
        }
        out.extend_from_slice(self.opening());
        put(&mut out)?;
        out.extend_from_slice(self.closing());
        Ok(out.into())
    }

    fn opening(&self) -> &'static [u8] {
        match (self.style.form, self.written) {
            (Form::Events, _) => b"data: ",
            (Form::Array, 0) => b"[",
            (Form::Array, _) => b",",
            (Form::Lines | Form::Raw | Form::Envelopes(_), _) => b"",
        }
    }

    fn closing(&self) -> &'static [u8] {
        match self.style.form {
            Form::Events => b"\n\n",
            Form::Lines => b"\n",
            Form::Array | Form::Raw | Form::Envelopes(_) => b"",
        }
    }

    fn end(&mut self) -> Option<Bytes> {
        self.ended = true;
        self.log.code(Code::Ok);
        match (self.style.form, self.written) {
            (Form::Array, 0) => Some(Bytes::from_static(b"[]")),
            (Form::Array, _) => Some(Bytes::from_static(b"]")),
            (Form::Envelopes(_), _) => {
                let schema = &self.style.catalog.schema;
                Some(end_of_stream(schema, None, self.messages.trailers()))
            }
            _ => None,
        }
    }

    /// The last part of a stream that breaks. Raw bytes have no place for it, so that the connection breaks too.
    fn failure(&mut self, status: Status) -> Result<Bytes, Status> {
        self.ended = true;
        self.log.code(status.code());
        let schema = &self.style.catalog.schema;
        let status = explained(&status, &self.style.request_id);
        let status = match self.style.form {
            Form::Raw | Form::Envelopes(Codec::Proto) => status,
            _ => spelling::in_json(schema, &self.style.plan, status),
        };
        let mut out = Vec::with_capacity(256);
        match self.style.form {
            Form::Raw => return Err(status),
            Form::Envelopes(_) => return Ok(end_of_stream(schema, Some(&status), None)),
            Form::Events => {
                out.extend_from_slice(b"event: ");
                out.extend_from_slice(FAILURE.as_bytes());
                out.extend_from_slice(b"\ndata: ");
            }
            Form::Lines => out.extend_from_slice(b"{\"error\":"),
            Form::Array => {
                out.extend_from_slice(self.opening());
                out.extend_from_slice(b"{\"error\":");
            }
        }
        put_status(schema, &status, &mut out);
        out.extend_from_slice(match self.style.form {
            Form::Events => b"\n\n",
            Form::Array => b"}]",
            Form::Lines | Form::Raw | Form::Envelopes(_) => b"}\n",
        });
        Ok(out.into())
    }

    /// The next message, as it is written.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let polled = match self.first.take() {
            Some(first) => Poll::Ready(first),
            None => self.messages.poll_next(cx),
        };
        polled.map(|next| next.map(|message| self.message(&message?)))
    }

    /// What is due while no message is.
    fn poll_clocks(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Status>> {
        if self.deadline.poll_unpin(cx).is_ready() {
            return Poll::Ready(self.failure(too_late()));
        }
        if self.style.form == Form::Events && self.heartbeat.poll_unpin(cx).is_ready() {
            self.rest();
            // Registers for the next one.
            _ = self.heartbeat.poll_unpin(cx);
            return Poll::Ready(Ok(Bytes::from_static(b":\n\n")));
        }
        Poll::Pending
    }

    fn rest(&mut self) {
        let next = Instant::now() + self.silence;
        self.heartbeat.as_mut().reset(next);
    }
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if let Some(status) = this.broken.take() {
            this.ended = true;
            return Poll::Ready(Some(Err(status)));
        }
        if this.ended {
            return Poll::Ready(None);
        }
        let _within = this.log.span().clone().entered();
        let polled =
            caught(|| this.poll_part(cx)).unwrap_or_else(|status| Poll::Ready(Some(Err(status))));
        let part = match polled {
            Poll::Ready(Some(Ok(part))) => {
                this.written += 1;
                this.rest();
                Ok(part)
            }
            Poll::Ready(Some(Err(status))) => this.failure(status),
            Poll::Ready(None) => match this.end() {
                Some(part) => Ok(part),
                None => return Poll::Ready(None),
            },
            Poll::Pending => match this.poll_clocks(cx) {
                Poll::Ready(part) => part,
                Poll::Pending => return Poll::Pending,
            },
        };
        match part {
            Ok(part) => Poll::Ready(Some(Ok(Frame::data(part)))),
            Err(status) => {
                // The server flushes what it has when nothing is ready, and drops it when a body fails.
                this.broken = Some(status);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.broken.is_none()
    }
}
