//! Errors as HTTP answers: `google.rpc.Status` in JSON, under the HTTP status that its code stands for.

use std::error::Error as _;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use prost_reflect::DescriptorPool;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use troupe_proto::{Reason, error};

use crate::explained::explained;
use crate::headers;
use crate::json;
use crate::schema::Schema;
use crate::spelling;
use crate::transcode::{Encoder, Fault, Plan};
use crate::wire::{Fields, Raw};

/// A request that isn't answered as it asks.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What the client is told.
    pub(crate) status: Status,
    http: StatusCode,
    /// Headers of its answer.
    headers: HeaderMap,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let http = error::http_status_of(&status);
        Self {
            status,
            http,
            headers: HeaderMap::new(),
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        if fault.path.is_empty() {
            return Self::from(invalid(fault.reason));
        }
        Self::from(error::invalid_field(fault.path, fault.reason))
    }
}

impl Refusal {
    /// There is no such path.
    pub(crate) fn no_route() -> Self {
        let message = "there is nothing at this path; /docs lists all methods";
        Self::from(error::status(Reason::UnknownMethod, message))
    }

    /// There is no such method at the path.
    pub(crate) fn wrong_method(allowed: &[Method]) -> Self {
        let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
        let names = names.join(", ");
        let message = format!("this path takes {names}; /docs lists all methods");
        let status = error::status(Reason::UnknownMethod, message);
        let refusal = Self::from(status).under(StatusCode::METHOD_NOT_ALLOWED);
        match HeaderValue::try_from(names) {
            Ok(names) => refusal.with(header::ALLOW, names),
            Err(_) => refusal,
        }
    }

    /// The same refusal, under another HTTP status than its code has.
    pub(crate) fn under(self, http: StatusCode) -> Self {
        Self { http, ..self }
    }

    /// The same refusal, under the HTTP status that its code has.
    pub(crate) fn by_code(self) -> Self {
        let http = error::http_status(self.status.code());
        self.under(http)
    }

    /// The headers of its answer.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The same refusal, whose answer has one more header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same refusal, whose answer has these headers too.
    pub(crate) fn with_all(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// The request is larger than its method takes.
    pub(crate) fn too_large(max_bytes: usize) -> Self {
        Self::from(too_large(max_bytes))
    }

    /// The same of an upstream, in the words of a client that speaks JSON.
    pub(crate) fn in_json(mut self, schema: &Schema, plan: &Plan) -> Self {
        self.status = spelling::in_json(schema, plan, self.status);
        self
    }

    /// True where the request was too large.
    pub(crate) fn is_for_size(&self) -> bool {
        self.http == StatusCode::PAYLOAD_TOO_LARGE
    }

    /// The body didn't arrive in time.
    pub(crate) fn body_too_late() -> Self {
        let message = "the body of the request didn't arrive in time";
        let status = error::status(Reason::DeadlineExceeded, message);
        Self::from(status).under(StatusCode::REQUEST_TIMEOUT)
    }

    /// The body's type is one that the method can't take.
    pub(crate) fn unsupported_type(message: &str) -> Self {
        Self::from(invalid(message)).under(StatusCode::UNSUPPORTED_MEDIA_TYPE)
    }

    /// The same refusal with the id of its request, and with a link to its reason.
    pub(crate) fn explained(mut self, request_id: &HeaderValue) -> Self {
        self.status = explained(&self.status, request_id);
        self
    }

    /// The answer of the JSON form. `schema` is asked for the types of the details first.
    pub(crate) fn into_answer(self, schema: &Schema) -> Response<Body> {
        let mut text = Vec::with_capacity(256);
        put_status(schema, &self.status, &mut text);
        let mut metadata = HeaderMap::new();
        headers::extend_answer(&mut metadata, self.status.metadata().as_ref());
        self.answer_saying(text, metadata)
    }

    /// An answer that says this JSON, under the metadata of what failed.
    pub(crate) fn answer_saying(self, json: Vec<u8>, metadata: HeaderMap) -> Response<Body> {
        let mut answer = Response::new(Body::new(Full::new(Bytes::from(json))));
        *answer.status_mut() = self.http;
        let answer_headers = answer.headers_mut();
        *answer_headers = metadata;
        answer_headers.extend(self.headers);
        answer_headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        if self.status.code() == Code::Unauthenticated {
            let challenge = HeaderValue::from_static("Bearer");
            answer_headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = retry_after(&self.status) {
            answer_headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

/// A request whose form is wrong.
pub(crate) fn invalid(message: impl Into<String>) -> Status {
    error::status(Reason::InvalidRequest, message)
}

/// The request is larger than its method takes.
pub(crate) fn too_large(max_bytes: usize) -> Status {
    let message = format!("the request is larger than the {max_bytes} bytes that the method takes");
    error::status(Reason::RequestTooLarge, message)
}

/// The call took too long.
pub(crate) fn too_late() -> Status {
    let message = "the call took longer than its deadline";
    error::status(Reason::DeadlineExceeded, message)
}

/// What a client is told where `server` can't be reached, or the connection to it broke. Where it is and what went wrong
/// goes to the log alone.
pub(crate) fn unreachable(server: &str, cause: &Status) -> Status {
    tracing::warn!(
        server,
        code = ?cause.code(),
        error = cause.message(),
        cause = cause.source(),
        "a call to an upstream broke"
    );
    let message = format!("{server} can't be reached right now: try again in a second");
    let delay = Duration::from_secs(1);
    error::retry_later(Reason::Unavailable, message, delay)
}

/// An upstream's status as clients see it: tonic reports an expired deadline as a cancellation.
pub(crate) fn from_upstream(status: Status) -> Status {
    if status.code() == Code::Cancelled && status.message() == "Timeout expired" {
        return too_late();
    }
    status
}

/// Whole seconds to wait, at least one, where the status says so.
pub(crate) fn retry_after(status: &Status) -> Option<u64> {
    let delay = status.get_details_retry_info()?.retry_delay?;
    Some(whole_seconds(delay))
}

/// A time as headers have it: whole seconds, and none too few.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    seconds.max(1)
}

/// Writes `google.rpc.Status` as JSON. Details of types that nobody knows are left out.
pub(crate) fn put_status(schema: &Schema, status: &Status, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"code\":");
    json::write_integer(out, status.code() as i32);
    out.extend_from_slice(b",\"message\":");
    json::write_string(out, status.message());
    out.extend_from_slice(b",\"details\":[");
    let start = out.len();
    let mut fields = Fields::new(status.details());
    while let Ok(Some((number, raw))) = fields.next() {
        if let (3, Raw::Length(any)) = (number, raw)
            && let Some(detail) = detail(schema, any)
        {
            if out.len() > start {
                out.push(b',');
            }
            out.extend_from_slice(&detail);
        }
    }
    out.extend_from_slice(b"]}");
}

fn detail(schema: &Schema, any: &[u8]) -> Option<Vec<u8>> {
    by_either(schema, |schema| {
        let mut text = Vec::new();
        let written = Encoder::new(schema, false).any_value(any, &mut text);
        written.ok().map(|()| text)
    })
}

/// What `write` makes of a detail by a schema, or else by that of the standard details, which descriptor sets may lack.
pub(crate) fn by_either<T>(schema: &Schema, write: impl Fn(&Schema) -> Option<T>) -> Option<T> {
    static STANDARD: LazyLock<Schema> = LazyLock::new(|| {
        let pool = DescriptorPool::decode(tonic_types::pb::FILE_DESCRIPTOR_SET);
        Schema::new(&pool.unwrap_or_default())
    });
    write(schema).or_else(|| write(&STANDARD))
}
