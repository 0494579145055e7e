//! One look at a process of a role, for people who ask what is wrong.

use std::io;
use std::time::Duration;

use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh::Role;
use platform::Timestamp;
use tokio::net::TcpStream;
use tonic::Status;
use tonic::body::Body;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tower::service_fn;

use crate::identity::{self, Identity};

const WITHIN: Duration = Duration::from_secs(3);

/// What a process shows of itself.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// Until when its certificate is good.
    pub valid_until: Option<Timestamp>,
    /// Whether it says that it does its work.
    pub is_serving: bool,
}

/// Why nothing was seen.
#[derive(Debug, thiserror::Error)]
pub enum Unseen {
    /// Nothing listens there, or nothing answers within three seconds.
    #[error("nothing answers")]
    Silent(#[source] io::Error),
    /// The two don't accept one another's certificates.
    #[error("the two don't accept each other")]
    Refused(#[source] io::Error),
    /// What listens there doesn't tell its health.
    #[error("it doesn't report its health")]
    Mute(#[source] Box<Status>),
}

/// Looks at the process at `address`, which should be `server`, as the role that `identity` names.
///
/// # Errors
/// Says how far it came.
pub async fn examine(identity: &Identity, server: Role, address: &str) -> Result<Shown, Unseen> {
    let connecting = tokio::time::timeout(WITHIN, TcpStream::connect(address));
    let io = connecting.await.map_err(late)?.map_err(Unseen::Silent)?;
    let shaking = tokio::time::timeout(WITHIN, identity.connect(io, server));
    let io = shaking.await.map_err(late)?.map_err(Unseen::Refused)?;
    let certificate = io.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let valid_until = certificate.and_then(identity::valid_until);

    let refused = |error: hyper::Error| Unseen::Refused(io::Error::other(error));
    let handshake = handshake(TokioExecutor::new(), TokioIo::new(io)).await;
    let (sender, connection) = handshake.map_err(refused)?;
    let asking = tokio::time::timeout(WITHIN, ask(sender, server));
    tokio::select! {
        ended = connection => Err(match ended {
            Ok(()) => Unseen::Refused(io::ErrorKind::ConnectionReset.into()),
            Err(error) => refused(error),
        }),
        said = asking => said.map_err(late)?.map(|is_serving| Shown { valid_until, is_serving }),
    }
}

async fn ask(sender: SendRequest<Body>, server: Role) -> Result<bool, Unseen> {
    let service = service_fn(move |request| sender.clone().send_request(request));
    let origin = http::Uri::try_from(format!("https://{server}"));
    let origin = origin.map_err(|error| Unseen::Refused(io::Error::other(error)))?;
    let said = HealthClient::with_origin(service, origin)
        .check(HealthCheckRequest::default())
        .await
        .map_err(|status| Unseen::Mute(Box::new(status)))?;
    Ok(said.into_inner().status() == ServingStatus::Serving)
}

fn late(_: tokio::time::error::Elapsed) -> Unseen {
    Unseen::Silent(io::ErrorKind::TimedOut.into())
}
