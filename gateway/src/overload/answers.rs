//! The refusals, made once: a body and headers to copy, and nothing to compute.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use tonic::body::Body;
use tonic::{Code, Status};
use troupe_proto::{Reason, error};

use super::load::LONGEST_HOLD;
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
    json_headers: HeaderMap,
    json: Bytes,
    grpc_headers: HeaderMap,
}

/// A refusal that asks to come again after a time.
pub(super) fn overloaded(delay: Duration) -> Status {
    let message = "the platform is overloaded: try again later";
    error::retry_later(Code::ResourceExhausted, Reason::Overloaded, message, delay)
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

    /// The answer to a request of a content type that makes sense again after a time.
    pub(super) fn to(&self, content_type: &str, time: Duration) -> Response<Body> {
        let steps = time.as_micros().div_ceil(self.step.as_micros().max(1));
        let index = usize::try_from(steps).unwrap_or(usize::MAX);
        let index = index.clamp(1, self.by_steps.len()) - 1;
        self.by_steps[index].to(content_type)
    }
}

impl Answer {
    fn new(schema: &Schema, status: Status) -> Self {
        let mut json = Vec::new();
        put_status(schema, &status, &mut json);
        let mut json_headers = HeaderMap::new();
        let json_type = HeaderValue::from_static("application/json");
        json_headers.insert(header::CONTENT_TYPE, json_type);
        if let Some(seconds) = retry_after(&status) {
            json_headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        Self {
            json_headers,
            json: json.into(),
            grpc_headers: grpc_headers(status),
        }
    }

    fn to(&self, content_type: &str) -> Response<Body> {
        if !content_type.starts_with("application/grpc") {
            let mut answer = Response::new(Body::new(Full::new(self.json.clone())));
            *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            *answer.headers_mut() = self.json_headers.clone();
            return answer;
        }
        let mut answer = Response::new(Body::empty());
        *answer.headers_mut() = self.grpc_headers.clone();
        let web = match content_type.get(16..) {
            Some(rest) if rest.starts_with("-web-text") => "application/grpc-web-text+proto",
            Some(rest) if rest.starts_with("-web") => "application/grpc-web+proto",
            _ => return answer,
        };
        answer
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(web));
        answer
    }
}

fn grpc_headers(status: Status) -> HeaderMap {
    let answer: Response<Body> = status.into_http();
    answer.into_parts().0.headers
}
