//! gRPC-Web, by `tonic-web` over the same path as gRPC. What that crate is stricter about than clients are is evened out
//! first: content types with parameters, answers in the form of the request, and text whose padded pieces were joined.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, ServiceExt, service_fn};

use crate::parts::Parts;
use crate::refusal::invalid;
use crate::visit::{AccessLog, Visit};
use crate::{accept, grpc, media};

const BINARY: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text+proto";

/// The names of each form, as clients write them; the first is the one that answers have.
const BINARY_NAMES: &[&str] = &[BINARY, "application/grpc-web"];
const TEXT_NAMES: &[&str] = &[TEXT, "application/grpc-web-text"];

/// True for requests of gRPC-Web.
pub(crate) fn is_web(content_type: &str) -> bool {
    media::starts_with(content_type, "application/grpc-web")
}

/// A status as an answer of gRPC-Web to a request with these headers.
pub(crate) fn refusal(status: Status, form: &'static str) -> Response<Body> {
    let mut answer = status.into_http();
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(form));
    answer
}

/// The form that an answer to a request with these headers has.
pub(crate) fn answer_form(headers: &HeaderMap) -> &'static str {
    accepted(headers, form_of(headers).unwrap_or(BINARY))
}

/// Passes a call on. Whatever happens, the answer is one of gRPC-Web.
pub(crate) async fn pass(
    parts: Arc<Parts>,
    visit: Visit,
    mut request: Request<Body>,
) -> Response<Body> {
    let Some(form) = form_of(request.headers()) else {
        return refuse(&visit, &request, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    };
    if request.method() != http::Method::POST {
        let mut answer = refuse(&visit, &request, StatusCode::METHOD_NOT_ALLOWED);
        answer
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("POST"));
        return answer;
    }
    let accepted = accepted(request.headers(), form);
    request
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(BINARY));
    request
        .headers_mut()
        .insert(header::ACCEPT, HeaderValue::from_static(accepted));
    if form == TEXT {
        request.headers_mut().remove(header::CONTENT_LENGTH);
        let broken = BrokenText::default();
        request.extensions_mut().insert(broken.clone());
        request = request.map(|body| Body::new(TextBody::new(body, broken)));
    }
    let passing = service_fn(move |request: Request<Body>| {
        let log = AccessLog::start("grpc-web", request.method().clone(), &visit);
        let (parts, visit) = (parts.clone(), visit.clone());
        async move { Ok::<_, std::convert::Infallible>(grpc::pass(parts, visit, request, log).await) }
    });
    match tonic_web::GrpcWebLayer::new()
        .layer(passing)
        .oneshot(request)
        .await
    {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

fn refuse(visit: &Visit, request: &Request<Body>, status: StatusCode) -> Response<Body> {
    let mut log = AccessLog::start("grpc-web", request.method().clone(), visit);
    log.status(status);
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

/// The form that the content type names, whatever its parameters.
fn form_of(headers: &HeaderMap) -> Option<&'static str> {
    let text = media::text(headers.get(header::CONTENT_TYPE));
    let kind = media::essence(&text);
    let is_named = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(kind));
    match () {
        () if is_named(BINARY_NAMES) => Some(BINARY),
        () if is_named(TEXT_NAMES) => Some(TEXT),
        () => None,
    }
}

/// The form that the client accepts best; the one that it sends, where it doesn't care.
fn accepted(headers: &HeaderMap, sent: &'static str) -> &'static str {
    let (binary, text) = ((BINARY_NAMES, BINARY), (TEXT_NAMES, TEXT));
    let forms = match sent {
        TEXT => [text, binary],
        _ => [binary, text],
    };
    accept::best(headers, &forms, sent)
}

/// What is wrong with a client's text, for whoever learns no more than that the call broke. It goes along with the request.
#[derive(Debug, Clone, Default)]
pub(crate) struct BrokenText(Arc<OnceLock<&'static str>>);

impl BrokenText {
    /// What the client is told, where something is wrong.
    pub(crate) fn status(&self) -> Option<Status> {
        self.0.get().map(|message| invalid(*message))
    }

    fn tell(&self, message: &'static str) -> Status {
        invalid(*self.0.get_or_init(|| message))
    }
}

/// A base64 body as bytes. Padding may end any group of four, since clients encode each piece by itself.
#[derive(Debug)]
struct TextBody {
    inner: Body,
    rest: BytesMut,
    broken: BrokenText,
}

impl TextBody {
    fn new(inner: Body, broken: BrokenText) -> Self {
        Self {
            inner,
            rest: BytesMut::new(),
            broken,
        }
    }

    fn decode(&mut self) -> Result<Bytes, Status> {
        let whole = self.rest.len() / 4 * 4;
        let text = self.rest.split_to(whole);
        decode_pieces(&text).ok_or_else(|| self.broken.tell("the body is not base64"))
    }
}

fn decode_pieces(mut text: &[u8]) -> Option<Bytes> {
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    while !text.is_empty() {
        let padding = text.iter().position(|byte| *byte == b'=');
        // To the end of the group that it stands in, so that each piece has one at least.
        let end = padding.map_or(text.len(), |at| (at / 4 + 1) * 4);
        let (piece, rest) = text.split_at_checked(end)?;
        STANDARD.decode_vec(piece, &mut decoded).ok()?;
        text = rest;
    }
    Some(decoded.into())
}

impl http_body::Body for TextBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        loop {
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let Ok(chunk) = frame.into_data() else {
                        continue;
                    };
                    this.rest
                        .extend(chunk.iter().filter(|byte| !byte.is_ascii_whitespace()));
                    let decoded = this.decode();
                    if decoded.as_ref().is_ok_and(Bytes::is_empty) {
                        continue;
                    }
                    return Poll::Ready(Some(decoded.map(Frame::data)));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None if this.rest.is_empty() => return Poll::Ready(None),
                None => {
                    this.rest.clear();
                    let error = this.broken.tell("the body ends inside a group of base64");
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padded_pieces_joined_together_are_decoded() {
        assert_eq!(
            decode_pieces(b"YQ==YmM=ZGVm").as_deref(),
            Some(&b"abcdef"[..])
        );
        assert_eq!(decode_pieces(b""), Some(Bytes::new()));
        assert_eq!(decode_pieces(b"Y===YmM="), None);
        assert_eq!(decode_pieces(b"Y!==").as_deref(), None);
    }

    #[test]
    fn a_group_that_begins_with_padding_is_no_base64() {
        for text in ["=AAA", "====", "AAAA=AAA", "QQ===QQ=", "QUI=====", "AAA"] {
            assert_eq!(decode_pieces(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn media_types_are_compared_without_parameters_and_case() {
        let form = |text: &str| {
            let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
            form_of(&HeaderMap::from_iter([(header::CONTENT_TYPE, value)]))
        };
        assert_eq!(form("application/grpc-web"), Some(BINARY));
        assert_eq!(
            form("Application/gRPC-Web+proto; charset=utf-8"),
            Some(BINARY)
        );
        assert_eq!(form("application/grpc-web-text"), Some(TEXT));
        assert_eq!(form("APPLICATION/GRPC-WEB-TEXT ;x=\"é\""), Some(TEXT));
        assert_eq!(form("application/grpc-web+json"), None);
    }
}
