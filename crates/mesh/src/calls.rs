//! Spans and metrics of calls: a span and a duration of each, on the side of the client and on the side of the server, from
//! the request to the end of the answer's stream.

mod durations;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{HeaderMap, Request, Response};
use http_body::Body as _;
use platform::trace::{Kind, Span, TraceParent};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::Role;
use crate::body::{Filter, Filtered, Polled};
use crate::context::Ctx;
use crate::server::Answer;

use self::durations::Durations;

pub(crate) use self::durations::Side;

/// A method that has no policy, as metrics and spans call it: paths are anybody's, and there must not be more names than
/// methods.
const OTHER: &str = "other";

/// A call in flight. Dropping it before its end records that the caller has gone.
#[derive(Debug)]
pub(crate) struct Watch {
    span: Span,
    durations: Option<Durations>,
    side: Side,
    started: Instant,
    has_ended: bool,
}

impl Watch {
    /// Begins to watch a call that `role` makes. The request then carries the place of its span. Calls that the gateway passes
    /// on for its clients are watched by the gateway.
    pub(crate) fn client(request: &mut Request<Body>, role: Option<Role>) -> Option<Self> {
        let role = role?;
        let durations = Durations::find(Side::Client, role, request.uri().path());
        let mut span = Span::default();
        if let Some(ctx) = request.extensions_mut().get_mut::<Ctx>() {
            let at = ctx.trace.child();
            span = Span::begin(Kind::Client, at, Some(ctx.trace));
            if span.is_wanted() {
                ctx.trace = at;
            }
        }
        Self::new(span, durations, Side::Client, role, request)
    }

    /// Begins to watch a call that `role` serves.
    pub(crate) fn server(
        request: &Request<Body>,
        role: Role,
        at: TraceParent,
        under: Option<TraceParent>,
    ) -> Option<Self> {
        let durations = Durations::find(Side::Server, role, request.uri().path());
        let span = Span::begin(Kind::Server, at, under);
        Self::new(span, durations, Side::Server, role, request)
    }

    fn new(
        mut span: Span,
        durations: Option<Durations>,
        side: Side,
        role: Role,
        request: &Request<Body>,
    ) -> Option<Self> {
        if span.is_wanted() {
            describe(&mut span, role, request);
        } else if durations.is_none() {
            return None;
        }
        Some(Self {
            span,
            durations,
            side,
            started: Instant::now(),
            has_ended: false,
        })
    }

    /// Watches the call until its answer is over.
    pub(crate) fn over(watch: Option<Self>, answer: Answer<Status>) -> Answer<Status> {
        match watch {
            Some(watch) => Box::pin(async move {
                match answer.await {
                    Ok(answer) => Ok(Self::answered(Some(watch), answer)),
                    Err(status) => {
                        watch.end(status.code());
                        Err(status)
                    }
                }
            }),
            None => answer,
        }
    }

    /// Watches an answer that has begun.
    pub(crate) fn answered(watch: Option<Self>, answer: Response<Body>) -> Response<Body> {
        let Some(watch) = watch else { return answer };
        if let Some(status) = Status::from_header_map(answer.headers()) {
            watch.end(status.code());
            return answer;
        }
        answer.map(|body| Body::new(Filtered::new(body, ToEnd(Some(watch)))))
    }

    fn end(mut self, code: Code) {
        self.note(code);
    }

    fn note(&mut self, code: Code) {
        self.has_ended = true;
        if let Some(durations) = &self.durations {
            durations.record(code, self.started.elapsed());
        }
        if self.span.is_wanted() {
            self.span.set("rpc.grpc.status_code", code as i64);
            if is_failure(self.side, code) {
                self.span.fail(code_name(code));
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.has_ended {
            self.note(Code::Cancelled);
        }
    }
}

/// Watches an answer to its end, which is in its trailers.
#[derive(Debug)]
struct ToEnd(Option<Watch>);

impl Filter<Body> for ToEnd {
    fn poll_frame(mut self: Pin<&mut Self>, body: Pin<&mut Body>, cx: &mut Context<'_>) -> Polled {
        let polled = body.poll_frame(cx);
        let code = match &polled {
            Poll::Ready(Some(Ok(frame))) => frame.trailers_ref().map(code_of),
            Poll::Ready(Some(Err(status))) => Some(status.code()),
            Poll::Ready(None) => Some(Code::Unknown),
            Poll::Pending => None,
        };
        if let Some(code) = code
            && let Some(watch) = self.0.take()
        {
            watch.end(code);
        }
        polled
    }
}

fn code_of(trailers: &HeaderMap) -> Code {
    let status = Status::from_header_map(trailers);
    status.map_or(Code::Unknown, |status| status.code())
}

fn describe(span: &mut Span, role: Role, request: &Request<Body>) {
    let (service, method) = names(request.uri().path());
    span.name(format!("{service}/{method}"));
    span.set("rpc.system", "grpc");
    span.set("rpc.service", service);
    span.set("rpc.method", method);
    span.set("troupe.role", role.name());
    let id = request.headers().get(crate::context::REQUEST_ID);
    let id = id.and_then(|id| id.to_str().ok()).map(str::to_owned);
    let ctx = request.extensions().get::<Ctx>();
    if let Some(id) = id.or_else(|| Some(ctx?.request_id.to_string())) {
        span.set("request.id", id);
    }
}

/// The service and the method of a path, as the contracts know them.
fn names(path: &str) -> (&'static str, &'static str) {
    let policy = troupe_proto::policy::find(path);
    let known = policy.and_then(|policy| policy.path.strip_prefix('/')?.split_once('/'));
    known.unwrap_or((OTHER, OTHER))
}

/// Whether a code is a failure: for the caller, all but OK; for the server, those that the caller didn't cause.
fn is_failure(side: Side, code: Code) -> bool {
    match side {
        Side::Client => code != Code::Ok,
        Side::Server => matches!(
            code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Unimplemented
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        ),
    }
}

/// A code as gRPC writes it.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_no_method_has_one_name_whatever_it_is() {
        let login = "/troupe.users.v1.AuthService/Login";
        assert_eq!(names(login), ("troupe.users.v1.AuthService", "Login"));
        for path in ["", "/", "/troupe.users.v1.AuthService/Nothing", "/a/b"] {
            assert_eq!(names(path), (OTHER, OTHER), "{path}");
        }
    }

    #[test]
    fn what_the_caller_got_wrong_is_no_failure_of_the_server() {
        assert!(!is_failure(Side::Server, Code::NotFound));
        assert!(is_failure(Side::Client, Code::NotFound));
        assert!(is_failure(Side::Server, Code::Internal));
        assert!(!is_failure(Side::Client, Code::Ok));
    }
}
