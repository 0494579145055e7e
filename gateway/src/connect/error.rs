//! Errors as Connect has them: JSON by itself where a call has one answer, and at the end of a stream.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::Response;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::Full;
use mesh::calls::code_name;
use prost::Message as _;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::pb;

use super::envelope::{END, sealed};
use crate::call::set_type;
use crate::headers;
use crate::json;
use crate::refusal::{Refusal, by_either};
use crate::schema::Schema;
use crate::transcode::Encoder;
use crate::wire::{Fields, Raw};

/// What tells the trailers of a call with one answer from its headers.
const TRAILER: &str = "trailer-";

/// The answer to a call with one answer that fails.
pub(super) fn answer(refusal: Refusal, schema: &Schema) -> Response<Body> {
    let mut text = Vec::with_capacity(256);
    put_error(schema, &refusal.status, &mut text);
    let mut trailers = HeaderMap::new();
    put_trailers(&mut trailers, refusal.status.metadata().as_ref());
    refusal.answer_saying(text, trailers)
}

/// The answer to a stream that fails before it begins.
pub(super) fn stream(refusal: &Refusal, content_type: &str, schema: &Schema) -> Response<Body> {
    let end = end_of_stream(schema, Some(&refusal.status), None);
    let mut answer = Response::new(Body::new(Full::new(end)));
    *answer.headers_mut() = refusal.headers().clone();
    set_type(answer.headers_mut(), content_type.as_bytes());
    answer
}

/// The same refusal, for which Connect has no code: clients go by the HTTP status.
pub(super) fn uncoded(mut refusal: Refusal) -> Refusal {
    refusal.status = coded(Code::Unknown, &refusal.status);
    refusal
}

/// The same status under the code that Connect asks for.
pub(super) fn coded(code: Code, status: &Status) -> Status {
    let details = Bytes::copy_from_slice(status.details());
    Status::with_details(code, status.message(), details)
}

/// The envelope that ends a stream, with the trailers of a call that succeeded, or of the error.
pub(crate) fn end_of_stream(
    schema: &Schema,
    error: Option<&Status>,
    trailers: Option<&HeaderMap>,
) -> Bytes {
    let trailers = error.map_or(trailers, |error| Some(error.metadata().as_ref()));
    let metadata = trailers.map(metadata).unwrap_or_default();
    let error = error.map(|error| {
        let mut text = Vec::with_capacity(256);
        put_error(schema, error, &mut text);
        text
    });
    end_with(error.as_deref(), &metadata)
}

/// The envelope that ends a stream, with an error that is written already.
pub(crate) fn end_with(error: Option<&[u8]>, metadata: &HeaderMap) -> Bytes {
    let room = error.map_or(64, |error| error.len() + 64);
    let written = sealed(END, room, |out| {
        out.push(b'{');
        if let Some(error) = error {
            out.extend_from_slice(b"\"error\":");
            out.extend_from_slice(error);
        }
        if !metadata.is_empty() {
            if error.is_some() {
                out.push(b',');
            }
            out.extend_from_slice(b"\"metadata\":");
            put_metadata(metadata, out);
        }
        out.push(b'}');
        Ok::<_, std::convert::Infallible>(())
    });
    match written {
        Ok(end) => end,
        Err(never) => match never {},
    }
}

/// Writes an error.
pub(crate) fn put_error(schema: &Schema, status: &Status, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"code\":");
    json::write_string(out, &name(status.code()));
    if !status.message().is_empty() {
        out.extend_from_slice(b",\"message\":");
        json::write_string(out, status.message());
    }
    let mut opening: &[u8] = b",\"details\":[";
    let mut fields = Fields::new(status.details());
    while let Ok(Some((number, raw))) = fields.next() {
        if let (3, Raw::Length(any)) = (number, raw) {
            out.extend_from_slice(opening);
            put_detail(schema, any, out);
            opening = b",";
        }
    }
    if opening == b"," {
        out.push(b']');
    }
    out.push(b'}');
}

/// Connect's name of a code.
fn name(code: Code) -> String {
    match code {
        // American, and a failure that says it is none has no name.
        Code::Cancelled => "canceled".to_owned(),
        Code::Ok => "unknown".to_owned(),
        code => code_name(code).to_ascii_lowercase(),
    }
}

/// Writes a `google.protobuf.Any`: its bytes, and what they say where the contracts know the type.
fn put_detail(schema: &Schema, any: &[u8], out: &mut Vec<u8>) {
    let (mut url, mut value) = (&[][..], &[][..]);
    let mut fields = Fields::new(any);
    while let Ok(Some((number, raw))) = fields.next() {
        match (number, raw) {
            (1, Raw::Length(bytes)) => url = bytes,
            (2, Raw::Length(bytes)) => value = bytes,
            _ => {}
        }
    }
    let url = String::from_utf8_lossy(url);
    let name = url.rsplit('/').next().unwrap_or_default();
    let debug = by_either(schema, |schema| {
        let mut text = Vec::new();
        let id = schema.message_by_name(name)?;
        let written = Encoder::new(schema, false).message(id, value, &mut text);
        written.ok().map(|()| text)
    });
    put_message(name, value, debug.as_deref(), out);
}

/// Writes a detail that is a message of a name. `debug` is the same in JSON.
fn put_message(name: &str, value: &[u8], debug: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":");
    json::write_string(out, name);
    out.extend_from_slice(b",\"value\":");
    json::write_string(out, &STANDARD_NO_PAD.encode(value));
    if let Some(debug) = debug {
        out.extend_from_slice(b",\"debug\":");
        out.extend_from_slice(debug);
    }
    out.push(b'}');
}

/// Writes the detail that has the id of a request.
pub(crate) fn put_request_info(request_id: &HeaderValue, out: &mut Vec<u8>) {
    let request_id = request_id.to_str().unwrap_or_default();
    let mut debug = b"{\"requestId\":".to_vec();
    json::write_string(&mut debug, request_id);
    debug.push(b'}');
    let info = pb::RequestInfo {
        request_id: request_id.to_owned(),
        ..pb::RequestInfo::default()
    };
    let value = info.encode_to_vec();
    put_message("google.rpc.RequestInfo", &value, Some(&debug), out);
}

/// What a client is told of the headers or the trailers of an upstream's answer. Connect's own names are not the upstream's.
pub(super) fn metadata(upstream: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    headers::extend_answer(&mut kept, upstream);
    let is_ours = |name: &&HeaderName| name.as_str().starts_with("connect-");
    let ours: Vec<_> = kept.keys().filter(is_ours).cloned().collect();
    for name in ours {
        kept.remove(name);
    }
    kept
}

/// Adds the trailers of an upstream's answer to the headers of one that has no trailers.
pub(super) fn put_trailers(headers: &mut HeaderMap, trailers: &HeaderMap) {
    for (name, value) in &metadata(trailers) {
        if let Ok(name) = HeaderName::try_from(format!("{TRAILER}{name}")) {
            headers.append(name, value.clone());
        }
    }
}

fn put_metadata(metadata: &HeaderMap, out: &mut Vec<u8>) {
    let mut opening = b'{';
    for name in metadata.keys() {
        out.push(opening);
        opening = b',';
        json::write_string(out, name.as_str());
        out.push(b':');
        let values = metadata.get_all(name).into_iter();
        let values = values.filter_map(|value| value.to_str().ok());
        let mut opening = b'[';
        for value in values {
            out.push(opening);
            opening = b',';
            json::write_string(out, value);
        }
        out.push(b']');
    }
    out.push(b'}');
}
