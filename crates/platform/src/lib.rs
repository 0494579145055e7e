//! What services stand on: configuration, telemetry, lifecycle, database, files, clock, ids, page tokens,
//! events.
//! Knows no service and no protocol.

pub mod backends;
pub mod clock;
pub mod config;
pub mod database;
pub mod events;
pub mod files;
pub mod folders;
pub mod host;
pub mod id;
pub mod lifecycle;
pub mod page;
pub mod secret;
pub mod telemetry;
pub mod trace;
pub mod vectors;

pub use backends::Backends;
pub use clock::{Clock, Timestamp};
pub use database::Database;
pub use events::Events;
pub use host::Host;
pub use lifecycle::Tasks;
pub use vectors::Vectors;
