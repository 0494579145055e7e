//! Follows what a process says of its health, by `grpc.health.v1`, if it says anything.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::service_fn;

use super::connection::Connection;
use super::endpoint::Endpoint;

/// A process that doesn't report its health within this time gets calls anyway: it may not offer `grpc.health.v1`.
const SAID_WITHIN: Duration = Duration::from_secs(1);
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Lets an endpoint have its connection once its health is known, and follows it for as long as it is asked to.
pub(super) async fn follow(endpoint: &Endpoint, connection: &Arc<Connection>) -> Infallible {
    let sender = connection.sender.clone();
    let service = service_fn(move |request| sender.clone().send_request(request));
    let mut client = HealthClient::with_origin(service, endpoint.base().clone());
    let mut is_connected = false;
    loop {
        let asked = client.watch(HealthCheckRequest::default());
        let first = async {
            let mut changes = asked.await?.into_inner();
            let first = changes.message().await?;
            Ok::<_, Status>((changes, first))
        };
        match tokio::time::timeout(SAID_WITHIN, first).await {
            Ok(Ok((mut changes, Some(first)))) => {
                if is_connected {
                    endpoint.serves(is_serving(first));
                } else {
                    is_connected = true;
                    endpoint.connected(Arc::clone(connection), is_serving(first));
                }
                while let Ok(Some(change)) = changes.message().await {
                    endpoint.serves(is_serving(change));
                }
            }
            Ok(Err(refused)) if is_without(&refused) => {
                if !is_connected {
                    endpoint.connected(Arc::clone(connection), true);
                }
                return std::future::pending().await;
            }
            _ if !is_connected => {
                is_connected = true;
                endpoint.connected(Arc::clone(connection), true);
            }
            // What it said last stands.
            _ => {}
        }
        tokio::time::sleep(ASK_AGAIN_AFTER).await;
    }
}

fn is_serving(said: HealthCheckResponse) -> bool {
    said.status() == ServingStatus::Serving
}

/// Whether the process doesn't offer to tell.
fn is_without(refused: &Status) -> bool {
    matches!(
        refused.code(),
        Code::Unimplemented | Code::NotFound | Code::PermissionDenied | Code::Unauthenticated
    )
}
