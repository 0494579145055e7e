//! What is known of a request besides itself, and what is told of it once it is over: a line in the log, a span, a duration.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use platform::trace::{Kind, TRACEPARENT, TraceParent};
use tonic::{Code, Status};
use tracing::Span;
use troupe_proto::{Reason, error};

use crate::cookie;
use crate::exchanges::{self, Exchange};
use crate::notices::Notices;
use crate::overload::{Arrival, Ticket};
use crate::policy::Policy;

/// A request's circumstances.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// Finds the request in every log.
    pub(crate) request_id: HeaderValue,
    /// Whose budget it draws on, and what services are told.
    pub(crate) client: IpAddr,
    /// Its place in a trace; absent where neither a log nor anybody else shows it.
    pub(crate) trace: Option<Place>,
    /// How it came in.
    pub(crate) arrival: Arrival,
    /// Its place among the calls that are under way, once it has one.
    pub(crate) ticket: Option<Arc<Ticket>>,
    /// What its answer says of it.
    pub(crate) notices: Notices,
    /// Whether a page sent it that may keep cookies here.
    pub(crate) may_keep_cookies: bool,
}

impl Visit {
    /// The call has begun to answer: its place is free for another.
    pub(crate) fn begun(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.begun();
        }
    }

    /// Waits for what the client still has to send. The call has no place meanwhile.
    ///
    /// # Errors
    /// There is no room for the call any more once all is here.
    pub(crate) async fn arriving<T>(&self, body: impl Future<Output = T>) -> Result<T, Status> {
        let mut body = std::pin::pin!(body);
        if let Poll::Ready(here) = futures::poll!(body.as_mut()) {
            return Ok(here);
        }
        self.pause();
        let here = body.await;
        if let Some(ticket) = &self.ticket {
            ticket.resume()?;
        }
        Ok(here)
    }

    /// The client may send as long as it likes: its call has no place from now on.
    pub(crate) fn pause(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.pause();
        }
    }

    /// Tells the upstream what the gateway knows of the request.
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        headers.insert(mesh::context::REQUEST_ID, self.request_id.clone());
        if let Some(place) = self.trace
            && let Ok(mut value) = HeaderValue::try_from(place.at.to_string())
        {
            // As the request id: seen once, and nothing for the table of headers that come again.
            value.set_sensitive(true);
            headers.insert(TRACEPARENT, value);
        }
        if let Ok(address) = HeaderValue::try_from(self.client.to_string()) {
            headers.insert(mesh::context::CLIENT_ADDRESS, address);
        }
    }

    /// What a method is told of the cookie that its policy names: nothing where the client may have none.
    pub(crate) fn cookie(&self, policy: &Policy, client: &HeaderMap) -> Option<HeaderValue> {
        let name = policy.cookie.as_deref()?;
        self.may_keep_cookies.then(|| cookie::value(name, client))
    }

    /// What the call's service answered.
    pub(crate) fn answered(&self, status: &Status) {
        if let Some(ticket) = &self.ticket
            && status.code() == Code::ResourceExhausted
            && error::reason_of(status) == Some(Reason::Overloaded)
        {
            ticket.push_back();
        }
    }
}

/// A place in a trace, and the one of whoever sent the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) at: TraceParent,
    under: Option<TraceParent>,
}

impl Place {
    /// A place in the trace that a client is in, else in a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut sent = headers.get_all(TRACEPARENT).iter();
        // Two of them are none.
        let sent = sent.next().filter(|_| sent.next().is_none());
        let sent = sent.and_then(|sent| sent.to_str().ok());
        let under = sent.and_then(|sent| sent.parse::<TraceParent>().ok());
        Self {
            at: under.map_or_else(TraceParent::new, TraceParent::child),
            under,
        }
    }
}

/// The request id that a client sent, if a log can take it as it is, or else a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sent = headers
        .get(mesh::context::REQUEST_ID)
        .filter(|value| value.to_str().is_ok_and(mesh::context::is_sane_request_id));
    if let Some(value) = sent {
        return value.clone();
    }
    let mut buffer = uuid::Uuid::encode_buffer();
    // Random throughout, from this thread's generator: an id that sorts by time would take a system call.
    let id = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
    let text = id.hyphenated().encode_lower(&mut buffer);
    let mut value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"));
    // Not a secret, but seen once: HTTP/2 shall not keep it in the table of headers that come again.
    value.set_sensitive(true);
    value
}

/// Tells of a request when it is over, however it ends. It names the route and never the path, whose parts belong to people.
#[derive(Debug)]
pub(crate) struct AccessLog {
    span: Span,
    place: platform::trace::Span,
    protocol: &'static str,
    method: Method,
    route: Option<Arc<str>>,
    status: StatusCode,
    code: Option<Code>,
    started: Instant,
}

impl AccessLog {
    /// Starts the clock.
    pub(crate) fn start(protocol: &'static str, method: Method, visit: &Visit) -> Self {
        let place = visit.trace.map(|place| {
            let mut span = platform::trace::Span::begin(Kind::Server, place.at, place.under);
            if span.is_wanted() {
                let id = visit.request_id.to_str().unwrap_or_default();
                span.set("request.id", id.to_owned());
            }
            span
        });
        Self {
            span: Span::current(),
            place: place.unwrap_or_default(),
            protocol,
            method,
            route: None,
            // What the line says where the client goes away before there is an answer.
            status: StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            code: None,
            started: Instant::now(),
        }
    }

    /// The span of the log, for what is logged while the answer is under way.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Names the route.
    pub(crate) fn route(&mut self, route: &Arc<str>) {
        self.route = Some(route.clone());
    }

    /// Notes the HTTP status.
    pub(crate) fn status(&mut self, status: StatusCode) {
        self.status = status;
    }

    /// Notes the gRPC status.
    pub(crate) fn code(&mut self, code: Code) {
        self.code = Some(code);
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.status = StatusCode::INTERNAL_SERVER_ERROR;
            self.code = Some(Code::Internal);
        }
        tracing::info!(
            parent: &self.span,
            protocol = self.protocol,
            http.method = self.method.as_str(),
            http.route = self.route.as_deref().unwrap_or("none"),
            http.status = self.status.as_u16(),
            grpc.code = self.code.map(|code| code as i32),
            duration_us = self.started.elapsed().as_micros() as u64,
            "request answered"
        );
        let exchange = Exchange {
            protocol: self.protocol,
            method: exchanges::known(&self.method),
            route: self.route.take(),
            status: self.status,
            code: self.code,
        };
        exchange.tell(&mut self.place, self.started.elapsed());
    }
}
