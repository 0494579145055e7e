//! `grpc.health.v1` of a role: serving while it is ready, and not serving from the moment that it begins to stop.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::Request;
use mesh::{Readiness, Role};
use tokio::sync::watch;
use tonic::{Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{self, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use troupe_proto::policy;

const PREFIX: &str = "/grpc.health.v1.Health/";
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Answers `Check` and `Watch`.
pub(super) type Health = HealthServer<Api>;

/// The health of a role, and what tells it.
pub(super) fn new(role: Role, readiness: Readiness) -> (Reporter, Health) {
    let (sender, is_serving) = watch::channel(readiness().is_ok());
    let reporter = Reporter { readiness, sender };
    (reporter, HealthServer::new(Api { role, is_serving }))
}

/// Whether a request is for the role's health instead of its methods.
pub(super) fn is_asked<B>(request: &Request<B>) -> bool {
    request.uri().path().starts_with(PREFIX)
}

/// Follows whether the role is ready.
pub(super) struct Reporter {
    readiness: Readiness,
    sender: watch::Sender<bool>,
}

impl Reporter {
    pub(super) fn is_serving(&self) -> watch::Receiver<bool> {
        self.sender.subscribe()
    }

    /// Reports changes for as long as it is polled.
    pub(super) async fn run(&mut self) {
        loop {
            self.report((self.readiness)().is_ok());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Says that the role stops, and ends what watches.
    pub(super) fn stop(self) {
        self.report(false);
    }

    fn report(&self, now: bool) {
        self.sender
            .send_if_modified(|is_serving| std::mem::replace(is_serving, now) != now);
    }
}

#[derive(Debug)]
pub(super) struct Api {
    role: Role,
    is_serving: watch::Receiver<bool>,
}

impl Api {
    /// Whether the role has a service of that name. The empty one stands for the whole role.
    fn has(&self, service: &str) -> bool {
        let package = format!("/troupe.{}.", self.role);
        service.is_empty()
            || policy::METHODS.iter().any(|method| {
                method.path.starts_with(&package)
                    && method
                        .path
                        .rsplit_once('/')
                        .map(|(it, _)| it.trim_start_matches('/'))
                        == Some(service)
            })
    }
}

#[tonic::async_trait]
impl health_server::Health for Api {
    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        if !self.has(service) {
            return Err(Status::not_found(format!(
                "there is no service {service} here"
            )));
        }
        Ok(Response::new(answer(status(*self.is_serving.borrow()))))
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let has_service = self.has(&request.get_ref().service);
        let mut is_serving = self.is_serving.clone();
        // The first answer doesn't wait for a change.
        is_serving.mark_changed();
        let changes = stream::unfold(is_serving, move |mut is_serving| async move {
            is_serving.changed().await.ok()?;
            let now = match has_service {
                true => status(*is_serving.borrow_and_update()),
                false => ServingStatus::ServiceUnknown,
            };
            Some((Ok(answer(now)), is_serving))
        });
        Ok(Response::new(changes.boxed()))
    }
}

fn status(is_serving: bool) -> ServingStatus {
    match is_serving {
        true => ServingStatus::Serving,
        false => ServingStatus::NotServing,
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}
