//! What every request meets once it has an id: the gateway's own pages, gRPC, gRPC-Web, or JSON.

use std::sync::Arc;

use http::header;
use http::{Method, Request, Response, Version};
use tonic::body::Body;

use crate::admission::Admission;
use crate::catalog::Catalog;
use crate::config::{Json, Limits};
use crate::gateway::Readiness;
use crate::pages::Pages;
use crate::refusal::{Refusal, invalid};
use crate::visit::{AccessLog, Visit};
use crate::{grpc, rest, web};

/// The parts that requests need.
pub(crate) struct Front {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) admission: Admission,
    pub(crate) limits: Limits,
    pub(crate) json: Json,
    pub(crate) pages: Pages,
    pub(crate) readiness: Readiness,
}

impl Front {
    /// Answers a request.
    pub(crate) async fn answer(
        self: Arc<Self>,
        visit: Visit,
        request: Request<Body>,
    ) -> Response<Body> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if content_type.starts_with("application/grpc") {
            return match web::is_web(content_type) {
                true => web::pass(self, visit, request).await,
                false => self.grpc(visit, request).await,
            };
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
        let mut log = AccessLog::start("grpc", request.method().clone(), &visit);
        if request.version() != Version::HTTP_2 || request.method() != Method::POST {
            let message = "gRPC needs POST over HTTP/2; over HTTP/1.1 use application/grpc-web";
            let answer = Refusal::from(invalid(message)).into_answer(&self.catalog.schema);
            log.status(answer.status());
            return answer;
        }
        grpc::pass(self, visit, request, log).await
    }
}
