//! HTTP requests to gRPC messages and back, by the rules of `google.api.http` and proto3 JSON. Knows bytes, not
//! connections: what it makes goes to any upstream that speaks gRPC.

mod decode;
mod encode;
mod etag;
mod events;
mod fault;
mod mask;
mod place;
mod plan;
mod query;
mod request;
mod response;
mod scalar;
mod time;
mod update;

pub(crate) use decode::Decoder;
pub(crate) use encode::{EncodeError, Encoder};
pub(crate) use events::FAILURE;
pub(crate) use fault::Fault;
pub(crate) use mask::to_json;
pub(crate) use plan::{Answer, Body, Plan};
pub(crate) use request::{BodyForm, Incoming, put_request_id, request_frames};
pub(crate) use response::{put_answer, raw_content};

#[cfg(test)]
mod tests;
