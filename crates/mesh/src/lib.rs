//! How services talk. A service offers its generated routes to [`Server::new`], which puts the server stack before
//! them, and calls others through generated clients over a [`Channel`]. In one process a channel calls the other's
//! server stack directly; nothing else differs.

pub mod access;
pub mod calls;
pub mod channel;
pub mod context;
pub mod server;
pub mod token;

pub use channel::Channel;
pub use context::{Caller, Ctx, Person, Role};
pub use server::Server;
pub use token::Verifier;
