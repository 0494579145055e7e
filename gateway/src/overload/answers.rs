//! The refusals, made once: a body and headers to copy, and nothing to compute.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use tonic::body::Body;
use tonic::Status;
use troupe_proto::{Reason, error};

use super::load::LONGEST_HOLD;
use crate::connect;
use crate::protocol::Protocol;
use crate::refusal::{put_status, retry_after};
use crate::schema::Schema;

/// Refusals for load.
#[derive(Debug)]
pub(super) struct Answers {
    /// Asks to come again after so long.
    step: Duration,
    /// One step, two of them, and so on.
    by_steps: [Answer; LONGEST_HOLD as usize],
}

/// A refusal, in the form of each protocol.
#[derive(Debug)]
struct Answer {
    /// Of JSON, and of Connect's calls with one answer.
    json_headers: HeaderMap,
    json: Bytes,
    grpc_headers: HeaderMap,
    connect: Bytes,
    connect_stream: Bytes,
}

/// A refusal that asks to come again after a time.
pub(super) fn overloaded(delay: Duration) -> Status {
    let message = "the platform is overloaded: try again later";
    error::retry_later(Reason::Overloaded, message, delay)
}

impl Answers {
    /// Refusals that ask to come again after steps of a time.
    pub(super) fn new(schema: &Schema, step: Duration) -> Self {
        let answer = |index| Answer::new(schema, overloaded(step * (index as u32 + 1)));
        Self {
            step,
            by_steps: std::array::from_fn(answer),
        }
    }

    /// The answer to a request that makes sense again after a time.
    pub(super) fn to(&self, protocol: Protocol, time: Duration) -> Response<Body> {
        let steps = time.as_micros().div_ceil(self.step.as_micros().max(1));
        let index = usize::try_from(steps).unwrap_or(usize::MAX);
        let index = index.clamp(1, self.by_steps.len()) - 1;
        self.by_steps[index].to(protocol)
    }
}

impl Answer {
    fn new(schema: &Schema, status: Status) -> Self {
        let (mut json, mut connect) = (Vec::new(), Vec::new());
        put_status(schema, &status, &mut json);
        connect::put_error(schema, &status, &mut connect);
        let connect_stream = connect::end_of_stream(schema, Some(&status), None);
        let mut json_headers = HeaderMap::new();
        let json_type = HeaderValue::from_static("application/json");
        json_headers.insert(header::CONTENT_TYPE, json_type);
        if let Some(seconds) = retry_after(&status) {
            json_headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        Self {
            json_headers,
            json: json.into(),
            connect: connect.into(),
            connect_stream,
            grpc_headers: grpc_headers(status),
        }
    }

    fn to(&self, protocol: Protocol) -> Response<Body> {
        match protocol {
            Protocol::Grpc => with_headers(Body::empty(), &self.grpc_headers),
            Protocol::Web(form) => {
                let mut answer = with_headers(Body::empty(), &self.grpc_headers);
                set_type(&mut answer, form);
                answer
            }
            Protocol::Json => self.too_many(&self.json),
            Protocol::Connect(form) => match form.stream_type() {
                None => self.too_many(&self.connect),
                Some(content_type) => {
                    let body = Body::new(Full::new(self.connect_stream.clone()));
                    let mut answer = Response::new(body);
                    set_type(&mut answer, content_type);
                    answer
                }
            },
        }
    }

    fn too_many(&self, json: &Bytes) -> Response<Body> {
        let body = Body::new(Full::new(json.clone()));
        let mut answer = with_headers(body, &self.json_headers);
        *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        answer
    }
}

fn with_headers(body: Body, headers: &HeaderMap) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.headers_mut() = headers.clone();
    answer
}

fn set_type(answer: &mut Response<Body>, content_type: &'static str) {
    let value = HeaderValue::from_static(content_type);
    answer.headers_mut().insert(header::CONTENT_TYPE, value);
}

fn grpc_headers(status: Status) -> HeaderMap {
    let answer: Response<Body> = status.into_http();
    answer.into_parts().0.headers
}
