//! `grpc.health.v1`: whether the process can do its work, as a whole and for each service that clients may call.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use mesh::Readiness;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{self, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use troupe_proto::{Reason, error};

/// How often a watched service is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Answers for the services of these names.
pub(super) fn new(names: BTreeSet<String>, readiness: Readiness) -> HealthServer<Health> {
    let names = Arc::new(names);
    HealthServer::new(Health { names, readiness })
}

#[derive(Clone)]
pub(super) struct Health {
    names: Arc<BTreeSet<String>>,
    readiness: Readiness,
}

impl Health {
    /// That of a service, of which the empty name stands for the whole.
    fn of(&self, service: &str) -> ServingStatus {
        if !service.is_empty() && !self.names.contains(service) {
            return ServingStatus::ServiceUnknown;
        }
        match (self.readiness)() {
            Ok(()) => ServingStatus::Serving,
            Err(_missing) => ServingStatus::NotServing,
        }
    }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match self.of(&request.get_ref().service) {
            ServingStatus::ServiceUnknown => {
                let message = "there is no service of this name: leave it out for the whole";
                Err(error::status(Reason::NotFound, message))
            }
            status => Ok(Response::new(answer(status))),
        }
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    /// Tells of each change. What no longer serves has nothing to follow: the stream ends then, and holds up no shutdown.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (health, service) = (self.clone(), request.into_inner().service);
        let changes = stream::unfold(None, move |last| {
            let (health, service) = (health.clone(), service.clone());
            async move {
                if last == Some(ServingStatus::NotServing) {
                    return None;
                }
                let mut now = health.of(&service);
                while Some(now) == last {
                    tokio::time::sleep(LOOK_EVERY).await;
                    now = health.of(&service);
                }
                Some((Ok(answer(now)), Some(now)))
            }
        });
        Ok(Response::new(changes.boxed()))
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    let status = status.into();
    HealthCheckResponse { status }
}
