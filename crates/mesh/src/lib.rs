//! How services talk. A service offers its generated routes to [`Server::new`], which puts the server stack before
//! them, and calls others through generated clients over a [`Channel`]. In one process a channel calls the other's
//! server stack directly; between processes a [`Listener`] is in front of it, and both ends prove by an [`Identity`]
//! which role they are. Nothing else differs.

pub mod access;
pub mod calls;
pub mod channel;
pub mod config;
pub mod context;
pub mod discovery;
pub mod examine;
pub mod identity;
pub mod listener;
pub mod server;
pub mod session;
pub mod token;

pub use channel::Channel;
pub use config::Config;
pub use context::{Caller, Ctx, Person};
pub use discovery::Endpoints;
pub use identity::Identity;
pub use listener::Listener;
pub use server::Server;
pub use session::SessionStream;
pub use token::Verifier;
pub use troupe_proto::Role;
