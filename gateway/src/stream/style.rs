//! How messages of the contracts are written as a stream of their own forms.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use tonic::Status;

use super::Scribe;
use crate::accept;
use crate::catalog::Catalog;
use crate::connect::{Codec, end_of_stream, envelope};
use crate::explained::explained;
use crate::messages::broken_answer;
use crate::refusal::put_status;
use crate::spelling;
use crate::transcode::{EncodeError, FAILURE, Plan, put_answer, raw_content};

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

/// Writes in a style.
#[derive(Debug)]
struct Styled {
    style: Style,
    /// Whether a message was written.
    has_begun: bool,
}

impl Style {
    /// What writes so.
    pub(crate) fn scribe(self) -> Box<dyn Scribe> {
        Box::new(Styled {
            style: self,
            has_begun: false,
        })
    }
}

impl Styled {
    fn opening(&self) -> &'static [u8] {
        match (self.style.form, self.has_begun) {
            (Form::Events, _) => b"data: ",
            (Form::Array, false) => b"[",
            (Form::Array, true) => b",",
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

    fn written(&self, message: &Bytes) -> Result<Bytes, Status> {
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
}

impl Scribe for Styled {
    fn message(&mut self, message: &Bytes) -> Result<Bytes, Status> {
        let written = self.written(message)?;
        self.has_begun = true;
        Ok(written)
    }

    fn end(&mut self, trailers: Option<&HeaderMap>) -> Result<Option<Bytes>, Status> {
        Ok(match (self.style.form, self.has_begun) {
            (Form::Array, false) => Some(Bytes::from_static(b"[]")),
            (Form::Array, true) => Some(Bytes::from_static(b"]")),
            (Form::Envelopes(_), _) => {
                let schema = &self.style.catalog.schema;
                Some(end_of_stream(schema, None, trailers))
            }
            _ => None,
        })
    }

    fn failure(&mut self, status: Status) -> Result<Bytes, Status> {
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

    fn has_heartbeats(&self) -> bool {
        self.style.form == Form::Events
    }
}
