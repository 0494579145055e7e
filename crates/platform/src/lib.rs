//! What services stand on: configuration, telemetry, lifecycle, database, files, vectors, clock, ids,
//! page tokens.
//! Knows no service and no protocol.

pub mod backends;
pub mod clock;
pub mod config;
pub mod database;
pub mod files;
pub mod folders;
pub mod host;
pub mod id;
pub mod lifecycle;
pub mod page;
pub mod secret;
pub mod telemetry;
pub mod vectors;

pub use backends::Backends;
pub use clock::{Clock, Timestamp};
pub use database::Database;
pub use host::Host;
pub use lifecycle::Tasks;
pub use vectors::Vectors;
