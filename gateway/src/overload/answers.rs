//! The refusals, made once: a body and headers to copy. Only the id of the request is put in.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use tonic::Status;
use tonic::body::Body;
use troupe_proto::{Reason, error};

use super::load::LONGEST_HOLD;
use crate::connect;
use crate::explained::{REQUEST_INFO, linked, put_request_info};
use crate::json::write_string;
use crate::openai;
use crate::protocol::Protocol;
use crate::refusal::{put_status, retry_after};
use crate::schema::Schema;

/// What ends a status in JSON.
const JSON_END: &[u8] = b"]}";
/// The header of gRPC that has a status with its details.
const DETAILS: &str = "grpc-status-details-bin";

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
    /// Up to the id of the request.
    json: Vec<u8>,
    grpc_headers: HeaderMap,
    /// The same of Connect's error.
    connect: Vec<u8>,
    /// That of OpenAI's API, which names no request.
    openai: Bytes,
    /// `google.rpc.Status` without the id of the request.
    status: Bytes,
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
    pub(super) fn to(
        &self,
        protocol: Protocol,
        time: Duration,
        request_id: &HeaderValue,
    ) -> Response<Body> {
        let steps = time.as_micros().div_ceil(self.step.as_micros().max(1));
        let index = usize::try_from(steps).unwrap_or(usize::MAX);
        let index = index.clamp(1, self.by_steps.len()) - 1;
        self.by_steps[index].to(protocol, request_id)
    }
}

impl Answer {
    fn new(schema: &Schema, status: Status) -> Self {
        let status = linked(&status);
        let openai = openai::error_json(&status).into();
        let (mut json, mut connect) = (Vec::new(), Vec::new());
        put_status(schema, &status, &mut json);
        connect::put_error(schema, &status, &mut connect);
        // The id is in one more detail at the end.
        json.truncate(json.len() - JSON_END.len());
        json.extend_from_slice(b",{\"@type\":\"");
        json.extend_from_slice(REQUEST_INFO.as_bytes());
        json.extend_from_slice(b"\",\"requestId\":");
        connect.truncate(connect.len() - JSON_END.len());
        connect.push(b',');
        let mut json_headers = HeaderMap::new();
        let json_type = HeaderValue::from_static("application/json");
        json_headers.insert(header::CONTENT_TYPE, json_type);
        if let Some(seconds) = retry_after(&status) {
            json_headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        Self {
            json_headers,
            json,
            connect,
            openai,
            status: Bytes::copy_from_slice(status.details()),
            grpc_headers: grpc_headers(status),
        }
    }

    fn to(&self, protocol: Protocol, request_id: &HeaderValue) -> Response<Body> {
        match protocol {
            Protocol::Grpc => self.grpc(request_id),
            Protocol::Web(form) => {
                let mut answer = self.grpc(request_id);
                set_type(&mut answer, form);
                answer
            }
            Protocol::Json => self.too_many(self.json_with(request_id)),
            Protocol::OpenAi => {
                let mut answer = self.too_many(self.openai.clone());
                *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                answer
            }
            Protocol::Connect(form) => {
                let error = self.connect_with(request_id);
                match form.stream_type() {
                    None => self.too_many(error.into()),
                    Some(content_type) => {
                        let end = connect::end_with(Some(&error), &HeaderMap::new());
                        let mut answer = Response::new(Body::new(Full::new(end)));
                        set_type(&mut answer, content_type);
                        answer
                    }
                }
            }
        }
    }

    fn grpc(&self, request_id: &HeaderValue) -> Response<Body> {
        let mut answer = with_headers(Body::empty(), &self.grpc_headers);
        let mut details = Vec::with_capacity(self.status.len() + request_id.len() + 64);
        details.extend_from_slice(&self.status);
        put_request_info(&mut details, request_id);
        if let Ok(details) = HeaderValue::try_from(STANDARD_NO_PAD.encode(&details)) {
            answer.headers_mut().insert(DETAILS, details);
        }
        answer
    }

    fn json_with(&self, request_id: &HeaderValue) -> Bytes {
        let id = request_id.to_str().unwrap_or_default();
        let mut json = Vec::with_capacity(self.json.len() + id.len() + 16);
        json.extend_from_slice(&self.json);
        write_string(&mut json, id);
        json.push(b'}');
        json.extend_from_slice(JSON_END);
        json.into()
    }

    fn connect_with(&self, request_id: &HeaderValue) -> Vec<u8> {
        let mut json = Vec::with_capacity(self.connect.len() + 2 * request_id.len() + 128);
        json.extend_from_slice(&self.connect);
        connect::put_request_info(request_id, &mut json);
        json.extend_from_slice(JSON_END);
        json
    }

    fn too_many(&self, json: Bytes) -> Response<Body> {
        let body = Body::new(Full::new(json));
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
