//! One HTTP/2 connection to one endpoint.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use mesh::Role;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tonic::body::Body;

use super::coalesced::Coalesced;
use super::goaway::{GoawayWatcher, Said};
use crate::identity::Identity;

/// How long it may take to connect. TCP alone would try for minutes.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// After this much silence one of our servers gets a ping, and has the same time to answer it: a process that hangs loses its
/// connection after four seconds.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// The same for servers that aren't ours. gRPC servers may end a connection (GOAWAY `too_many_pings`) if pings come more often than
/// they allow.
const FOREIGN_KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Makes connections of one kind. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    security: Security,
    http2: Builder<TokioExecutor>,
}

#[derive(Debug, Clone)]
enum Security {
    None,
    Mutual { identity: Identity, server: Role },
}

pub(super) struct Connection {
    pub(super) sender: SendRequest<Body>,
    /// What the server says about it; ends with it.
    pub(super) said: watch::Receiver<Said>,
}

impl Connector {
    /// To a role, in the clear.
    pub(super) fn plain() -> Self {
        Self::new(Security::None, KEEP_ALIVE)
    }

    /// To servers that prove to be `server`, as the role that `identity` names.
    pub(super) fn mutual(identity: Identity, server: Role) -> Self {
        Self::new(Security::Mutual { identity, server }, KEEP_ALIVE)
    }

    /// To a server of another maker.
    pub(super) fn foreign() -> Self {
        Self::new(Security::None, FOREIGN_KEEP_ALIVE)
    }

    fn new(security: Security, keep_alive: Duration) -> Self {
        let mut http2 = Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(keep_alive)
            .keep_alive_timeout(keep_alive)
            .keep_alive_while_idle(true);
        Self { security, http2 }
    }

    /// The base of the addresses of requests to `address`.
    pub(super) fn base(&self, address: &str) -> Result<Uri, http::Error> {
        let scheme = match self.security {
            Security::None => "http",
            Security::Mutual { .. } => "https",
        };
        Uri::builder()
            .scheme(scheme)
            .authority(address)
            .path_and_query("/")
            .build()
    }

    /// Makes a connection to `address`, which ends in a port.
    ///
    /// # Errors
    /// Where nothing answers in HTTP/2 within two seconds.
    pub(super) async fn connect(&self, address: &str) -> io::Result<Connection> {
        tokio::time::timeout(CONNECT_WITHIN, self.open(address))
            .await
            .unwrap_or_else(|_elapsed| {
                let reason = "nothing answered within two seconds";
                Err(io::Error::new(io::ErrorKind::TimedOut, reason))
            })
    }

    async fn open(&self, address: &str) -> io::Result<Connection> {
        let io = TcpStream::connect(address).await?;
        io.set_nodelay(true)?;
        match &self.security {
            Security::None => self.speak(io).await,
            Security::Mutual { identity, server } => {
                self.speak(identity.connect(io, *server).await?).await
            }
        }
    }

    async fn speak<S>(&self, io: S) -> io::Result<Connection>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (io, mut said) = GoawayWatcher::new(io);
        let io = TokioIo::new(Coalesced::new(io));
        let (sender, connection) = self.http2.handshake(io).await.map_err(io::Error::other)?;
        let (ended, reason) = tokio::sync::oneshot::channel();
        // Ends with the connection, which ends with the last call once nothing holds the sender.
        TokioExecutor::new().execute(async move {
            if let Err(error) = connection.await {
                tracing::debug!(
                    error = &error as &dyn Error,
                    "a connection to a server ended"
                );
                let _nobody_waits = ended.send(error);
            }
        });
        // Until the server has spoken there may be anything at the other end, or nothing.
        if said.wait_for(|said| *said != Said::Nothing).await.is_err() {
            return Err(match reason.await {
                Ok(error) => io::Error::other(error),
                Err(_ended) => io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the server ended the connection",
                ),
            });
        }
        Ok(Connection { sender, said })
    }
}

impl Connection {
    /// Whether calls can be made on it.
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Completes once the server takes no more calls.
    pub(super) async fn closing(self: Arc<Self>) {
        let mut said = self.said.clone();
        let is_goodbye = |said: &Said| matches!(said, Said::Goodbye { .. });
        let _goodbye_or_gone = said.wait_for(is_goodbye).await;
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("said", &*self.said.borrow())
            .finish_non_exhaustive()
    }
}
