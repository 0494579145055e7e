//! The mesh between processes, which only the executable wires: [`Upstream`] finds the processes of a role and calls them
//! through the client stack, [`Listener`] serves a role to its peers, and both ends prove by an [`Identity`] which role they
//! are. What services see of it is `mesh`'s `Channel`.

pub mod config;
pub mod discovery;
pub mod examine;
pub mod identity;
pub mod listener;
pub mod upstream;

pub use config::Config;
pub use discovery::Endpoints;
pub use identity::Identity;
pub use listener::Listener;
pub use upstream::{Upstream, remote};
