//! What every crate stands on: configuration, telemetry, lifecycle, connections, readiness, clock, ids, traces. Knows no server,
//! no service and no protocol.

pub mod clock;
pub mod config;
pub mod connections;
pub mod folders;
pub mod health;
pub mod id;
pub mod lifecycle;
pub mod patience;
pub mod reach;
pub mod telemetry;
pub mod trace;

pub use clock::{Clock, Timestamp};
pub use health::Health;
pub use lifecycle::Tasks;
