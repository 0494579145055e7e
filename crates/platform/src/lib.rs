//! What services stand on: configuration, telemetry, lifecycle, database, events, a bus, files, vectors, Redis, budgets, caches,
//! presence, clock, ids, page tokens. Knows no service and no protocol.

pub mod backends;
pub mod bus;
pub mod cache;
pub mod clock;
pub mod config;
pub mod database;
pub mod events;
pub mod files;
pub mod folders;
pub mod health;
pub mod host;
pub mod id;
pub mod lifecycle;
pub mod limits;
mod nats;
pub mod page;
pub mod patience;
pub mod presence;
pub mod reach;
pub mod redis;
pub mod secret;
pub mod stores;
pub mod telemetry;
pub mod trace;
pub mod vectors;

pub use backends::Backends;
pub use bus::Bus;
pub use clock::{Clock, Timestamp};
pub use database::Database;
pub use events::Events;
pub use health::Health;
pub use host::Host;
pub use lifecycle::Tasks;
pub use redis::Redis;
pub use stores::Stores;
pub use vectors::Vectors;
