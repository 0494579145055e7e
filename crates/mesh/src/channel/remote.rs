//! A connection to a gRPC server elsewhere: made at the first call, and made again once it is lost. Calls go to it
//! straight from the task that makes them.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request, Response, Uri};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::rt::Executor;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tonic::Status;
use tonic::body::Body;
use tower::ServiceExt;

use super::gathered::Gathered;

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// After so much silence the server is asked whether it is there, and has as much time to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A server elsewhere. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Remote(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    uri: Uri,
    connector: HttpConnector,
    http2: Builder<TokioExecutor>,
    /// The connection, while there is one.
    current: Mutex<Option<SendRequest<Body>>>,
    /// Held by the call that connects; the others wait for it.
    connecting: tokio::sync::Mutex<()>,
}

impl Remote {
    /// A server such as `http://127.0.0.1:50051`.
    pub(super) fn new(uri: Uri) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_WITHIN));
        let mut http2 = Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true);
        Self(Arc::new(Shared {
            uri,
            connector,
            http2,
            current: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(()),
        }))
    }

    /// Makes a call.
    ///
    /// # Errors
    /// UNAVAILABLE where there is no connection, and what tonic makes of a connection that breaks.
    pub(super) async fn call(self, mut request: Request<Body>) -> Result<Response<Body>, Status> {
        self.0.direct(&mut request)?;
        let mut answer = self.0.connection().await?.try_send_request(request).await;
        if let Err(lost) = &mut answer
            && let Some(request) = lost.take_message()
        {
            // The connection ended before the request was on it, which is no reason for the call to fail.
            answer = self.0.connection().await?.try_send_request(request).await;
        }
        match answer {
            Ok(answer) => Ok(answer.map(Body::new)),
            Err(lost) => Err(Status::from_error(Box::new(lost.into_error()))),
        }
    }
}

impl Shared {
    /// Addresses a request to the server.
    fn direct(&self, request: &mut Request<Body>) -> Result<(), Status> {
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::from_parts(parts)
            .map_err(|_| Status::internal("a request can't be addressed to its server"))?;
        Ok(())
    }

    async fn connection(&self) -> Result<SendRequest<Body>, Status> {
        if let Some(open) = self.open() {
            return Ok(open);
        }
        let _connecting = self.connecting.lock().await;
        // Another call may have connected while this one waited.
        if let Some(open) = self.open() {
            return Ok(open);
        }
        let connected = self.connect().await?;
        *self.current() = Some(connected.clone());
        Ok(connected)
    }

    fn open(&self) -> Option<SendRequest<Body>> {
        self.current()
            .as_ref()
            .filter(|it| !it.is_closed())
            .cloned()
    }

    fn current(&self) -> MutexGuard<'_, Option<SendRequest<Body>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<SendRequest<Body>, Status> {
        let failed = |error: &dyn Error| Status::unavailable(format!("connecting: {error}"));
        let connector = self.connector.clone();
        let io = connector.oneshot(self.uri.clone()).await;
        let io = io.map_err(|error| failed(&error))?.into_inner();
        let io = TokioIo::new(Gathered::new(io));
        let (sender, connection) = self
            .http2
            .handshake(io)
            .await
            .map_err(|error| failed(&error))?;
        // Ends with the connection, which ends with the last call once nothing holds the sender.
        TokioExecutor::new().execute(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a server ended");
            }
        });
        Ok(sender)
    }
}
