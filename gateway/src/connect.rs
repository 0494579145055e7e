//! Connect, version 1 (<https://connectrpc.com/docs/protocol>): calls with one answer as plain HTTP, by GET too where they
//! change nothing, and streams of answers in envelopes; in JSON or in Protobuf, compressed by gzip or not. Streams of requests
//! pass in Protobuf alone, and not compressed. It knows how Connect writes. What is the same of every call is in `call.rs`.

pub(crate) mod envelope;
mod error;
mod packed;
mod query;
mod writer;

use std::sync::Arc;

use http::header::{self, HeaderMap};
use http::{Method as Verb, Request, Response, StatusCode, Version, request};
use mesh::admission::unknown_method;
use tonic::body::Body;
use tonic::{Code, Status};

use self::query::Query;
use self::writer::{Source, Writer};
use crate::call::{Call, Outcome, told};
use crate::catalog::Method;
use crate::media;
use crate::parts::Parts;
use crate::refusal::{Refusal, invalid};
use crate::schema::Schema;
use crate::transcode::Plan;
use crate::visit::{AccessLog, Visit};

pub(crate) use self::error::{end_of_stream, end_with, put_error, put_request_info};

const VERSION: &str = "connect-protocol-version";
const TAKES_STREAM: &str =
    "the method takes a stream of requests: send application/connect+proto, or call it by gRPC";

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Proto,
    Json,
}

impl Codec {
    fn named(name: &str) -> Option<Self> {
        match name {
            "proto" => Some(Self::Proto),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// The type of a message by itself.
    fn unary_type(self) -> &'static str {
        match self {
            Self::Proto => "application/proto",
            Self::Json => "application/json",
        }
    }

    /// The type of messages in envelopes.
    pub(crate) fn stream_type(self) -> &'static str {
        match self {
            Self::Proto => "application/connect+proto",
            Self::Json => "application/connect+json",
        }
    }
}

/// The form of a call, by the type of its request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// One answer, or none that anybody could read.
    Unary,
    /// Envelopes.
    Stream(Codec),
}

impl Form {
    /// That of a request with a content type.
    pub(crate) fn of(verb: &Verb, content_type: &str) -> Self {
        match codec_of(content_type, "application/connect+") {
            Some(codec) if verb == Verb::POST => Self::Stream(codec),
            _ => Self::Unary,
        }
    }

    /// The type of its answers, where they are streams.
    pub(crate) fn stream_type(self) -> Option<&'static str> {
        match self {
            Self::Unary => None,
            Self::Stream(codec) => Some(codec.stream_type()),
        }
    }

    /// The answer to a call that fails. In a stream that is its end.
    pub(crate) fn refusal(self, refusal: Refusal, schema: &Schema) -> Response<Body> {
        match self.stream_type() {
            None => error::answer(refusal.by_code(), schema),
            Some(content_type) => error::stream(&refusal, content_type, schema),
        }
    }
}

/// The codec that a content type names after a prefix.
fn codec_of(content_type: &str, prefix: &str) -> Option<Codec> {
    let kind = media::essence(content_type).to_ascii_lowercase();
    Codec::named(kind.strip_prefix(prefix)?)
}

/// True where a request says of itself that it is Connect. One in JSON need not, but clients that are made for Connect do.
pub(crate) fn is_said(headers: &HeaderMap, content_type: &str) -> bool {
    headers.contains_key(VERSION)
        || media::starts_with(content_type, "application/connect+")
        || codec_of(content_type, "application/") == Some(Codec::Proto)
}

/// Answers a call.
pub(crate) async fn answer(
    front: &Arc<Parts>,
    visit: &Visit,
    request: Request<Body>,
    form: Form,
) -> Response<Body> {
    let mut log = AccessLog::start("connect", request.method().clone(), visit);
    let (schema, id) = (&front.catalog.schema, &visit.request_id);
    let (parts, body) = request.into_parts();
    let target = match target(front, &parts, form, &mut log) {
        Ok(target) => target,
        Err(refusal) => return told(Err(refusal), log, id, |it| error::answer(it, schema)),
    };
    let outcome = call(front, visit, &target, &parts.headers, body).await;
    told(outcome, log, id, |refusal| form.refusal(refusal, schema))
}

/// What a request asks for.
struct Target<'a> {
    method: Arc<Method>,
    plan: Arc<Plan>,
    codec: Codec,
    /// Whether the client can read answers while it sends.
    is_duplex: bool,
    source: Source<'a>,
}

/// Finds out what a request asks for. What can't be found out is refused by an HTTP status, whatever the form: who doesn't
/// speak Connect must not take the answer for a good one.
fn target<'a>(
    front: &Parts,
    parts: &'a request::Parts,
    form: Form,
    log: &mut AccessLog,
) -> Result<Target<'a>, Refusal> {
    let method = front.catalog.method(parts.uri.path(), &front.limits);
    let unknown = || Refusal::from(unknown_method()).under(StatusCode::NOT_FOUND);
    let method = method.ok_or_else(unknown)?;
    log.route(&method.path);
    let Some(plan) = method.plan.clone() else {
        let message = "this gateway has no contract of the service: call it by gRPC or gRPC-Web";
        return Err(unimplemented(message).into());
    };
    let is_stream = method.client_streaming || method.server_streaming;
    let (codec, source) = match parts.method {
        Verb::POST => {
            let codec = codec_of_post(&parts.headers, form, &method)?;
            match is_stream {
                true => (codec, Source::Envelope),
                false => (codec, Source::Body),
            }
        }
        Verb::GET if method.reads && !is_stream => {
            let query = Query::parse(parts.uri.query().unwrap_or_default())?;
            (query.codec()?, Source::Query(query))
        }
        _ => {
            let mut allowed = vec![Verb::POST];
            if method.reads && !is_stream {
                allowed.insert(0, Verb::GET);
            }
            return Err(error::uncoded(Refusal::wrong_method(&allowed)));
        }
    };
    Ok(Target {
        method,
        plan,
        codec,
        is_duplex: parts.version == Version::HTTP_2,
        source,
    })
}

fn codec_of_post(headers: &HeaderMap, form: Form, method: &Method) -> Result<Codec, Refusal> {
    let text = media::text(headers.get(header::CONTENT_TYPE));
    let (codec, message) = match form {
        Form::Stream(codec) if method.client_streaming || method.server_streaming => {
            (Some(codec), "")
        }
        Form::Unary if method.client_streaming => (None, TAKES_STREAM),
        Form::Unary if method.server_streaming => (
            None,
            "the method is a stream: send application/connect+json or application/connect+proto",
        ),
        _ => (
            codec_of(&text, "application/"),
            "the method takes one message: send it as application/json or application/proto",
        ),
    };
    codec.ok_or_else(|| error::uncoded(Refusal::unsupported_type(message)))
}

async fn call(
    front: &Arc<Parts>,
    visit: &Visit,
    target: &Target<'_>,
    headers: &HeaderMap,
    body: Body,
) -> Outcome {
    let method = &target.method;
    if method.client_streaming && target.codec != Codec::Proto {
        return Err(unimplemented(TAKES_STREAM).into());
    }
    if method.client_streaming && method.server_streaming && !target.is_duplex {
        let message = "the method streams both ways, which needs HTTP/2";
        return Err(unimplemented(message).into());
    }
    check_version(headers, &target.source)?;
    let is_packed = packed::is_packed(headers, &target.source, method.client_streaming)?;
    let call = Call {
        front,
        visit,
        method: &target.method,
        headers,
    };
    let writer = Writer {
        call: &call,
        plan: &target.plan,
        codec: target.codec,
        source: &target.source,
        is_packed,
    };
    match method.client_streaming {
        // An envelope without flags is a frame of gRPC.
        true => call.pass(&writer, body).await,
        false => call.make(&writer, body).await,
    }
}

/// Refuses another version than ours. Who names none is taken at their word.
fn check_version(headers: &HeaderMap, source: &Source<'_>) -> Result<(), Status> {
    let (is_ours, rule) = match source {
        Source::Query(query) => (
            query.version.as_ref().is_none_or(|it| it == "v1"),
            "the query parameter connect must be v1",
        ),
        Source::Body | Source::Envelope => (
            headers.get(VERSION).is_none_or(|it| it == "1"),
            "the header connect-protocol-version must be 1",
        ),
    };
    match is_ours {
        true => Ok(()),
        false => Err(invalid(rule)),
    }
}

fn unimplemented(message: &str) -> Status {
    error::coded(Code::Unimplemented, &invalid(message))
}
