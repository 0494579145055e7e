//! What every request meets once it has an id: the gateway's own pages, gRPC, gRPC-Web, or JSON. Whatever happens on the
//! way, there is an answer in the form that the client reads.

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Method, Request, Response, Version};
use tonic::Status;
use tonic::body::Body;

use crate::admission::Admission;
use crate::catalog::Catalog;
use crate::config::{Json, Limits};
use crate::gateway::Readiness;
use crate::guard::{Guarded, caught_within};
use crate::host::check_host;
use crate::media;
use crate::pages::Pages;
use crate::refusal::{Refusal, invalid};
use crate::visit::{AccessLog, Visit};
use crate::{grpc, rest, single, web};

/// The parts that requests need.
pub(crate) struct Front {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) admission: Admission,
    pub(crate) limits: Limits,
    pub(crate) json: Json,
    pub(crate) pages: Pages,
    pub(crate) readiness: Readiness,
}

/// What a client speaks.
#[derive(Debug, Clone, Copy)]
enum Protocol {
    Grpc,
    /// In the form that the answer has.
    Web(&'static str),
    Json,
}

impl Protocol {
    fn of(request: &Request<Body>) -> Self {
        let text = media::text(request.headers().get(header::CONTENT_TYPE));
        match &text {
            text if web::is_web(text) => Self::Web(web::answer_form(request.headers())),
            text if media::starts_with(text, "application/grpc") => Self::Grpc,
            _ => Self::Json,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Web(_) => "grpc-web",
            Self::Json => "json",
        }
    }
}

impl Front {
    /// Answers a request.
    pub(crate) async fn answer(
        self: Arc<Self>,
        visit: Visit,
        request: Request<Body>,
    ) -> Response<Body> {
        let protocol = Protocol::of(&request);
        if let Err(host) = check_host(&request) {
            let status = invalid(host.to_string());
            let mut answer = self.refuse(protocol, &visit, &request, status);
            if request.version() < Version::HTTP_2 {
                // Where a request was told apart wrongly, so may be what follows it.
                answer
                    .headers_mut()
                    .insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            return answer;
        }
        if let Err(status) = single::check(request.headers()) {
            return self.refuse(protocol, &visit, &request, status);
        }
        let front = self.clone();
        match caught_within(front.pass(protocol, visit, request)).await {
            Ok(answer) => answer,
            Err(status) => self.answer_of(protocol, status),
        }
    }

    async fn pass(
        self: Arc<Self>,
        protocol: Protocol,
        visit: Visit,
        request: Request<Body>,
    ) -> Response<Body> {
        match protocol {
            Protocol::Grpc => return self.grpc(visit, request).await,
            Protocol::Web(_) => {
                let answer = web::pass(self, visit, request).await;
                return answer.map(|body| Body::new(Guarded::new(body)));
            }
            Protocol::Json => {}
        }
        let page = self
            .pages
            .find(request.method(), request.uri().path(), &self.readiness);
        match page {
            Some(page) => page,
            None => rest::answer(&self, &visit, request).await,
        }
    }

    async fn grpc(self: Arc<Self>, visit: Visit, request: Request<Body>) -> Response<Body> {
        let log = AccessLog::start("grpc", request.method().clone(), &visit);
        if request.version() != Version::HTTP_2 || request.method() != Method::POST {
            let message = "gRPC needs POST over HTTP/2; over HTTP/1.1 use application/grpc-web";
            return self.refuse_with(log, Protocol::Json, invalid(message));
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
        self.refuse_with(log, protocol, status)
    }

    fn refuse_with(
        &self,
        mut log: AccessLog,
        protocol: Protocol,
        status: Status,
    ) -> Response<Body> {
        log.code(status.code());
        let answer = self.answer_of(protocol, status);
        log.status(answer.status());
        answer
    }

    fn answer_of(&self, protocol: Protocol, status: Status) -> Response<Body> {
        match protocol {
            Protocol::Grpc => status.into_http(),
            Protocol::Web(form) => web::refusal(status, form),
            Protocol::Json => Refusal::from(status).into_answer(&self.catalog.schema),
        }
    }
}
