//! A service that other processes have, as this one calls it: its replicas, the connections to them, and the client stack
//! before them, which `stack` lists.

mod balance;
mod breaker;
mod budget;
mod call;
mod coalesced;
mod connection;
mod deadline;
mod endpoint;
mod failure;
mod gauge;
mod goaway;
mod health;
mod in_flight;
mod keep;
mod load;
mod mend;
mod peers;
mod replay;
mod retry;
mod signals;
mod stack;
mod view;

use std::sync::Arc;

use http::{Request, Uri};
use mesh::channel::Elsewhere;
use mesh::{Channel, Role};
use platform::Tasks;
use tonic::body::Body;
use tower::service_fn;

use crate::discovery::Endpoints;
use crate::identity::Identity;

use self::call::{Call, Calls};
use self::connection::Connector;
use self::peers::Peers;
use self::stack::Stack;

pub use self::view::{Peer, PeerState};

/// The replicas of a service in other processes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// None for a server of another maker.
    role: Option<Role>,
    stack: Arc<Stack>,
}

/// A channel to a gRPC server of another maker, connected at the first call. Messages call it `name`; `uri` is such as
/// `http://127.0.0.1:50051`.
pub fn remote(name: &str, uri: Uri) -> Channel {
    Upstream::foreign(name, uri).channel()
}

impl Upstream {
    /// The replicas of `server`. Connections to them are made in the background, from now on and until `tasks` are asked to
    /// end or the last clone of the upstream and its channels is dropped. Without an identity they are in the clear.
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
        Self {
            role: Some(server),
            stack: Arc::new(stack::new(peers)),
        }
    }

    /// A gRPC server of another maker, as [`remote`] has it.
    pub fn foreign(name: &str, uri: Uri) -> Self {
        let endpoints = Endpoints::fixed(uri.authority().map(|it| it.as_str()));
        let connector = Connector::foreign();
        let peers = Peers::new(name.into(), connector, endpoints, &Tasks::new());
        Self {
            role: None,
            stack: Arc::new(stack::new(peers)),
        }
    }

    /// What generated clients call it through; to a role, for clients of the gateway, unless [`Channel::by`] says otherwise.
    pub fn channel(&self) -> Channel {
        let stack = Arc::clone(&self.stack);
        // Always ready: a call waits for its endpoint itself, within its deadline.
        let service = Elsewhere::new(service_fn(move |request: Request<Body>| {
            let stack = Arc::clone(&stack);
            async move { stack.call(Call::new(request)).await }
        }));
        match self.role {
            Some(server) => Channel::elsewhere(server, service),
            None => Channel::foreign(stack::peers(&self.stack).name(), service),
        }
    }

    /// How the processes look from here.
    pub fn peers(&self) -> Vec<Peer> {
        stack::peers(&self.stack).view()
    }
}
