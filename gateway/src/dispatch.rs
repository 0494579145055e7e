//! What every request meets once it has an id: the gateway's own pages, the gate that refuses load, and gRPC, gRPC-Web,
//! Connect, OpenAI's API or JSON. Whatever happens on the way, there is an answer in the form that the client reads.

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Method, Request, Response, Version};
use tonic::Status;
use tonic::body::Body;

use crate::explained::explained;
use crate::gather::drain;
use crate::guard::{caught_within, guarded};
use crate::host::check_host;
use crate::overload::{Gate, Load};
use crate::parts::Parts;
use crate::protocol::Protocol;
use crate::refusal::invalid;
use crate::route::Lookup;
use crate::visit::{AccessLog, Visit};
use crate::{connect, exchanges, framing, grpc, openai, rest, single, web};

/// Headers that a request may have, as many as HTTP/1.1 takes here: each has its price in memory, however small it is.
const MOST_HEADERS: usize = 100;

impl Parts {
    /// Answers a request.
    pub(crate) async fn answer(
        self: Arc<Self>,
        visit: Visit,
        request: Request<Body>,
    ) -> Response<Body> {
        let protocol = Protocol::of(&request, &self.catalog);
        if let Err(host) = check_host(&request) {
            let status = invalid(host.to_string());
            let answer = self.refuse(protocol, &visit, &request, status);
            return match request.version() < Version::HTTP_2 {
                true => closing(answer),
                false => answer,
            };
        }
        if let Err(refusal) = framing::check(request.headers()) {
            let mut log = AccessLog::start(protocol.name(), request.method().clone(), &visit);
            log.code(refusal.status.code());
            // It is no request of any protocol.
            let refusal = refusal.explained(&visit.request_id);
            let answer = refusal.into_answer(&self.catalog.schema);
            log.status(answer.status());
            return closing(answer);
        }
        if request.headers().len() > MOST_HEADERS {
            let message = format!("the request has more than {MOST_HEADERS} headers");
            return self.refuse(protocol, &visit, &request, invalid(message));
        }
        if let Err(status) = single::check(request.headers()) {
            return self.refuse(protocol, &visit, &request, status);
        }
        let (parts, request_id) = (self.clone(), visit.request_id.clone());
        match caught_within(parts.pass(protocol, visit, request)).await {
            Ok(answer) => answer,
            Err(status) => protocol.refusal(explained(&status, &request_id), &self.catalog.schema),
        }
    }

    async fn pass(
        self: Arc<Self>,
        protocol: Protocol,
        mut visit: Visit,
        request: Request<Body>,
    ) -> Response<Body> {
        if let Protocol::Json = protocol
            && let Some(page) = self.pages.find(&request, &self.readiness)
        {
            return page;
        }
        let Some(load) = self.load_of(protocol, &request) else {
            return Box::pin(self.dispatch(protocol, visit, request)).await;
        };
        // Before anything is decoded, verified or logged: a refusal must cost next to nothing.
        let ticket = self.gate.admit(&load, visit.client, &visit.arrival);
        let Some(ticket) = ticket else {
            return self.turn_away(protocol, &load, &visit, request).await;
        };
        visit.ticket = Some(Arc::clone(&ticket));
        let arrival = visit.arrival.clone();
        let request = request.map(|body| arrival.expect(body));
        // Boxed, or a refusal would carry all the room along that an answer needs.
        let answer = Box::pin(self.dispatch(protocol, visit, request)).await;
        Gate::hold(&load, &ticket, &arrival);
        ticket.begun();
        answer
    }

    async fn dispatch(
        self: Arc<Self>,
        protocol: Protocol,
        visit: Visit,
        request: Request<Body>,
    ) -> Response<Body> {
        match protocol {
            Protocol::Grpc => self.grpc(visit, request).await,
            Protocol::Web(_) => {
                let answer = web::pass(self, visit, request).await;
                answer.map(guarded)
            }
            Protocol::Connect(form) => connect::answer(&self, &visit, request, form).await,
            Protocol::OpenAi => openai::answer(&self, &visit, request).await,
            Protocol::Json => rest::answer(&self, &visit, request).await,
        }
    }

    /// The load of the method that a request is for, if there is one.
    fn load_of(&self, protocol: Protocol, request: &Request<Body>) -> Option<Arc<Load>> {
        let path = request.uri().path();
        let method = match protocol {
            Protocol::Json => match self.catalog.find(request.method(), path) {
                Lookup::Found(found) => self.catalog.binding(found.route).method.clone(),
                _ => return None,
            },
            Protocol::OpenAi => self.catalog.openai.as_ref()?.method(path)?.clone(),
            _ => self.catalog.method(path, &self.limits)?,
        };
        Some(Arc::clone(&method.load))
    }

    /// Refuses a request that there is no time for.
    async fn turn_away(
        &self,
        protocol: Protocol,
        load: &Arc<Load>,
        visit: &Visit,
        request: Request<Body>,
    ) -> Response<Body> {
        let (parts, mut body) = request.into_parts();
        if !visit.arrival.has_streams {
            drain(&parts.headers, &mut body).await;
        }
        let took = visit.arrival.at.elapsed();
        exchanges::refused(protocol.name(), &parts.method, took);
        self.gate.refuse(load, visit, protocol)
    }

    async fn grpc(self: Arc<Self>, visit: Visit, request: Request<Body>) -> Response<Body> {
        let log = AccessLog::start("grpc", request.method().clone(), &visit);
        if request.version() != Version::HTTP_2 || request.method() != Method::POST {
            let message = "gRPC needs POST over HTTP/2; over HTTP/1.1 use application/grpc-web";
            return self.refuse_with(log, Protocol::Json, &visit, &invalid(message));
        }
        grpc::pass(self, visit, request, log).await
    }

    /// Answers a request that goes no further.
    fn refuse(
        &self,
        protocol: Protocol,
        visit: &Visit,
        request: &Request<Body>,
        status: Status,
    ) -> Response<Body> {
        let log = AccessLog::start(protocol.name(), request.method().clone(), visit);
        let protocol = match protocol {
            // Who asks for gRPC over HTTP/1.1 can't read its answers.
            Protocol::Grpc if request.version() != Version::HTTP_2 => Protocol::Json,
            protocol => protocol,
        };
        self.refuse_with(log, protocol, visit, &status)
    }

    fn refuse_with(
        &self,
        mut log: AccessLog,
        protocol: Protocol,
        visit: &Visit,
        status: &Status,
    ) -> Response<Body> {
        log.code(status.code());
        let status = explained(status, &visit.request_id);
        let answer = protocol.refusal(status, &self.catalog.schema);
        log.status(answer.status());
        answer
    }
}

/// The answer to a request that may have been told apart wrongly from what follows it on its connection, and so ends that.
fn closing(mut answer: Response<Body>) -> Response<Body> {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(header::CONNECTION, close);
    answer
}
