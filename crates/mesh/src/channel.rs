//! The client side: what generated clients call through. In one process a call goes straight to the other's server
//! stack; to another process it passes the client stack, which `stack` lists.

mod balance;
mod breaker;
mod budget;
mod call;
mod connection;
mod deadline;
mod endpoint;
mod failure;
mod flight;
mod gathered;
mod health;
mod heard;
mod keep;
mod load;
mod mend;
mod peers;
mod propagate;
mod replay;
mod retry;
mod signals;
mod stack;
mod view;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, Uri};
use platform::Tasks;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use crate::Role;
use crate::calls::Watch;
use crate::discovery::Endpoints;
use crate::identity::Identity;
use crate::server::Server;

use self::call::{Call, Calls};
use self::connection::Connector;
use self::peers::Peers;
use self::stack::Stack;

pub use self::view::{Peer, PeerState};

/// A connection to a service, in this process or another. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Channel {
    caller: Caller,
    transport: Transport,
}

/// Whose rights a service sees in a call.
#[derive(Debug, Clone, Copy)]
enum Caller {
    /// Those of a role.
    Role(Role),
    /// Those of a client of the gateway.
    Client,
    /// A server of another maker sees only what the request says.
    Unknown,
}

impl Caller {
    /// The role that calls on its own account.
    fn role(self) -> Option<Role> {
        match self {
            Self::Role(role) => Some(role),
            Self::Client | Self::Unknown => None,
        }
    }
}

#[derive(Clone)]
enum Transport {
    InProcess(Server),
    Elsewhere(Arc<Stack>),
}

impl Channel {
    /// A connection of `role` to a service in this process.
    pub fn in_process(server: &Server, role: Role) -> Self {
        Self {
            caller: Caller::Role(role),
            transport: Transport::InProcess(server.clone()),
        }
    }

    /// A connection of the gateway to a service in this process: calls are made for the gateway's clients.
    pub fn for_clients(server: &Server) -> Self {
        Self {
            caller: Caller::Client,
            transport: Transport::InProcess(server.clone()),
        }
    }

    /// Connections to the replicas of `server` in other processes. They are made in the background, from now on and until
    /// `tasks` are asked to end or the last clone of the channel is dropped. Without an identity they are in the clear. Calls
    /// are made for clients of the gateway, unless [`Channel::by`] says otherwise.
    pub fn to(
        server: Role,
        endpoints: Endpoints,
        identity: Option<Identity>,
        tasks: &Tasks,
    ) -> Self {
        let connector = match identity {
            Some(identity) => Connector::mutual(identity, server),
            None => Connector::plain(),
        };
        let peers = Peers::new(server.name().into(), connector, endpoints, tasks);
        peers.start();
        Self::elsewhere(peers, Caller::Client)
    }

    /// The same connection, by which the role makes its own calls.
    pub fn by(self, role: Role) -> Self {
        Self {
            caller: Caller::Role(role),
            ..self
        }
    }

    /// A connection to a gRPC server of another maker, made at the first call. Messages call it `name`; `uri` is such as
    /// `http://127.0.0.1:50051`.
    pub fn remote(name: &str, uri: Uri) -> Self {
        let endpoints = Endpoints::fixed(uri.authority().map(|it| it.as_str()));
        let connector = Connector::foreign();
        let peers = Peers::new(name.into(), connector, endpoints, &Tasks::new());
        Self::elsewhere(peers, Caller::Unknown)
    }

    fn elsewhere(peers: Arc<Peers>, caller: Caller) -> Self {
        Self {
            caller,
            transport: Transport::Elsewhere(Arc::new(stack::new(peers))),
        }
    }

    /// How messages call who answers: the role, or what a server of another maker was called.
    pub fn server_name(&self) -> &str {
        match &self.transport {
            Transport::InProcess(server) => server.role().name(),
            Transport::Elsewhere(stack) => stack::peers(stack).name(),
        }
    }

    /// How the other end's processes look from here; nothing for a service in this process.
    pub fn peers(&self) -> Vec<Peer> {
        match &self.transport {
            Transport::InProcess(_) => Vec::new(),
            Transport::Elsewhere(stack) => stack::peers(stack).view(),
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InProcess(server) => server.fmt(f),
            Self::Elsewhere(stack) => stack::peers(stack).fmt(f),
        }
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        match &mut self.transport {
            Transport::InProcess(server) => server.poll_ready(cx).map_err(|never| match never {}),
            // A call waits for its endpoint itself, within its deadline.
            Transport::Elsewhere(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let watch = Watch::client(&mut request, self.caller.role());
        propagate::write(&mut request);
        match &mut self.transport {
            Transport::InProcess(server) => {
                if let Some(role) = self.caller.role() {
                    request.extensions_mut().insert(role);
                }
                let answer = server.call(request);
                let answer = async move { answer.await.map_err(|never| match never {}) };
                Watch::over(watch, Box::pin(answer))
            }
            Transport::Elsewhere(stack) => {
                if let Caller::Client = self.caller {
                    propagate::mark_for_client(&mut request);
                }
                let stack = Arc::clone(stack);
                let answer = async move { stack.call(Call::new(request)).await };
                Watch::over(watch, Box::pin(answer))
            }
        }
    }
}
