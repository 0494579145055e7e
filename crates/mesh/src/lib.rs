//! How services talk, as services and the gateway see it. A service offers its generated routes to [`Server::new`], which
//! puts the server stack before them, and calls others through generated clients over a [`Channel`]. In one process a
//! channel calls the other's server stack directly; to another process it calls what the executable made it of, which is
//! `wire`'s business. Nothing here knows certificates, addresses or connections.

pub mod access;
pub mod admission;
pub mod body;
pub mod calls;
pub mod channel;
pub mod context;
pub mod deadline;
mod readiness;
pub mod server;
pub mod session;
pub mod token;

pub use channel::Channel;
pub use context::{Caller, Ctx, Person};
pub use readiness::{Readiness, probe};
pub use server::Server;
pub use session::SessionStream;
pub use token::Verifier;
pub use troupe_proto::Role;
