//! The client side: what generated clients call through. In one process a call goes straight to the other's server
//! stack; to another process it goes to a service that somebody else made, which finds the process and reaches it.

mod propagate;

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::Service;
use tower::util::BoxCloneSyncService;

use crate::Role;
use crate::calls::Watch;
use crate::server::{Answer, Server};

/// What reaches a service in another process.
pub type Elsewhere = BoxCloneSyncService<Request<Body>, Response<Body>, Status>;

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

#[derive(Debug, Clone)]
enum Transport {
    InProcess(Server),
    Elsewhere { name: Arc<str>, service: Elsewhere },
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

    /// A connection to a role in another process, which `service` reaches. Calls are made for clients of the gateway, unless
    /// [`Channel::by`] says otherwise.
    pub fn elsewhere(server: Role, service: Elsewhere) -> Self {
        Self {
            caller: Caller::Client,
            transport: Transport::Elsewhere {
                name: server.name().into(),
                service,
            },
        }
    }

    /// A connection to a gRPC server of another maker, which `service` reaches. Messages call it `name`.
    pub fn foreign(name: &str, service: Elsewhere) -> Self {
        Self {
            caller: Caller::Unknown,
            transport: Transport::Elsewhere {
                name: name.into(),
                service,
            },
        }
    }

    /// The same connection, by which the role makes its own calls.
    pub fn by(self, role: Role) -> Self {
        Self {
            caller: Caller::Role(role),
            ..self
        }
    }

    /// How messages call who answers: the role, or what a server of another maker was called.
    pub fn server_name(&self) -> &str {
        match &self.transport {
            Transport::InProcess(server) => server.role().name(),
            Transport::Elsewhere { name, .. } => name,
        }
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Answer<Status>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        match &mut self.transport {
            Transport::InProcess(_) => Poll::Ready(Ok(())),
            Transport::Elsewhere { service, .. } => service.poll_ready(cx),
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
                Watch::over(watch, server.answer(request))
            }
            Transport::Elsewhere { service, .. } => {
                if let Caller::Client = self.caller {
                    propagate::mark_for_client(&mut request);
                }
                Watch::over(watch, service.call(request))
            }
        }
    }
}
