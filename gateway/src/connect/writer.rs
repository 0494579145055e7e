//! The messages of one call of Connect, in and out.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_body::Body as _;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;

use super::Codec;
use super::envelope::{Opened, opened, sealed};
use super::error::{metadata, put_trailers};
use super::packed::unpacked;
use super::query::Query;
use crate::call::{Call, Writing, set_type, stream_answer};
use crate::content::Content;
use crate::gather::gather;
use crate::idempotency;
use crate::intake::Room;
use crate::json::Reader;
use crate::messages::broken_answer;
use crate::precondition;
use crate::refusal::{Refusal, invalid, too_large};
use crate::stream::{Begun, Form, Style};
use crate::transcode::{Decoder, Fault, Plan, put_answer, put_request_id};
use crate::wire::FRAME_HEADER;

/// Where a message comes from.
#[derive(Debug)]
pub(super) enum Source<'q> {
    /// The body.
    Body,
    /// The envelope that the body is.
    Envelope,
    /// The query of a GET.
    Query(Query<'q>),
}

/// How one call writes.
pub(super) struct Writer<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) plan: &'a Arc<Plan>,
    pub(super) codec: Codec,
    pub(super) source: &'a Source<'a>,
    /// Whether messages come compressed.
    pub(super) is_packed: bool,
}

impl Writing for Writer<'_> {
    fn plan_in_json(&self) -> Option<&Plan> {
        (self.codec == Codec::Json).then_some(&**self.plan)
    }

    async fn frames(&self, body: Body, room: &mut Room) -> Result<Bytes, Refusal> {
        let max_bytes = self.call.method.policy.max_request_bytes;
        let message = self.message(body, room).await?;
        let request_id = idempotency::key(self.plan, self.call.headers)?;
        // A message says it itself; a header that nobody heeds is refused.
        precondition::etag(self.plan, self.call.method.reads, self.call.headers)?;
        let frame = sealed(0, message.len(), |out| {
            match self.codec {
                Codec::Proto => out.extend_from_slice(&message),
                Codec::Json => self.put_json(&message, out)?,
            }
            put_request_id(self.plan, request_id, FRAME_HEADER, out)?;
            Ok::<_, Refusal>(())
        })?;
        match frame.len() > max_bytes + FRAME_HEADER {
            true => Err(too_large(max_bytes).into()),
            false => Ok(frame),
        }
    }

    async fn unary(&self, upstream: Response<Body>) -> Result<Response<Body>, Refusal> {
        let (upstream, body) = upstream.into_parts();
        let mut messages = self.call.messages(&upstream.headers, body);
        let mut headers = metadata(&upstream.headers);
        let written = match messages.only().await {
            Ok(message) => self.written(message),
            Err(status) => Err(status),
        };
        let written = match written {
            Ok(written) => written,
            Err(status) => return Err(Refusal::from(status).with_all(headers)),
        };
        if let Some(trailers) = messages.trailers() {
            put_trailers(&mut headers, trailers);
        }
        set_type(&mut headers, self.codec.unary_type().as_bytes());
        let mut answer = Response::new(written);
        *answer.headers_mut() = headers;
        Ok(self.call.packed(answer).await)
    }

    async fn stream(
        &self,
        upstream: Response<Body>,
        deadline: Instant,
    ) -> Result<Response<Box<Begun>>, Refusal> {
        let (upstream, body) = upstream.into_parts();
        let front = self.call.front;
        let style = Style {
            catalog: front.catalog.clone(),
            plan: self.plan.clone(),
            print_defaults: front.json.print_defaults,
            form: Form::Envelopes(self.codec),
            request_id: self.call.visit.request_id.clone(),
        };
        let begun = Begun {
            scribe: style.scribe(),
            messages: self.call.messages(&upstream.headers, body),
            // Whatever comes of it, its HTTP status is 200.
            first: None,
            silence: front.limits.heartbeat(),
            deadline,
        };
        let headers = metadata(&upstream.headers);
        let content_type = self.codec.stream_type().as_bytes();
        Ok(stream_answer(headers, content_type, begun))
    }
}

impl Writer<'_> {
    /// The message, as the client wrote it.
    async fn message(&self, body: Body, room: &mut Room) -> Result<Bytes, Refusal> {
        let max_bytes = match self.codec {
            Codec::Proto => self.call.method.policy.max_request_bytes,
            Codec::Json => Content::Json.max_body(self.call.method.policy.max_request_bytes),
        };
        match self.source {
            Source::Body => {
                let message = gather(body, self.call.headers, max_bytes, room).await?;
                self.unpacked(message, max_bytes, room).await
            }
            Source::Envelope => {
                let whole = max_bytes + FRAME_HEADER;
                let body = gather(body, self.call.headers, whole, room).await;
                let body = body.map_err(|refusal| match refusal.is_for_size() {
                    true => too_large(max_bytes).into(),
                    false => refusal,
                })?;
                match opened(&body, max_bytes, self.is_packed)? {
                    Opened::Plain(message) => Ok(message),
                    Opened::Packed(message) => self.unpacked(message, max_bytes, room).await,
                }
            }
            Source::Query(_) if !body.is_end_stream() => {
                Err(invalid("a GET has its message in the query, and no body").into())
            }
            Source::Query(query) => {
                let message = query.message()?;
                match message.len() > max_bytes {
                    true => Err(too_large(max_bytes).into()),
                    false => self.unpacked(message, max_bytes, room).await,
                }
            }
        }
    }

    /// A message without its compression, where the call says that it has one.
    async fn unpacked(
        &self,
        message: Bytes,
        max_bytes: usize,
        room: &mut Room,
    ) -> Result<Bytes, Refusal> {
        match self.is_packed {
            true => unpacked(message, max_bytes, room).await,
            false => Ok(message),
        }
    }

    /// Writes a message that came as JSON. Without any text it is an empty one, as in our own JSON.
    fn put_json(&self, message: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let text = std::str::from_utf8(message);
        let text = text.map_err(|_| Fault::new("the message is not UTF-8"))?;
        if text.is_empty() {
            return Ok(());
        }
        let front = self.call.front;
        let mut reader = Reader::new(text);
        Decoder::new(&front.catalog.schema, front.json.ignore_unknown_fields).message(
            self.plan.input,
            &mut reader,
            out,
        )?;
        Ok(reader.end()?)
    }

    /// A message of the upstream as the client reads it.
    fn written(&self, message: Bytes) -> Result<Bytes, Status> {
        if let Codec::Proto = self.codec {
            return Ok(message);
        }
        let front = self.call.front;
        let (schema, defaults) = (&front.catalog.schema, front.json.print_defaults);
        let mut text = Vec::with_capacity(message.len() * 2 + 64);
        put_answer(schema, self.plan, defaults, &message, &mut text)
            .map_err(|error| broken_answer(&error.to_string()))?;
        Ok(text.into())
    }
}
