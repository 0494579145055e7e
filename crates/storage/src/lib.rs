//! Where a service keeps what it has: a database of its own, files, secrets, and the page tokens and addresses that these sign.

mod config;
pub mod database;
pub mod files;
mod keeper;
pub mod made;
mod owner;
pub mod page;
pub mod secret;
pub mod signature;
mod stores;

pub use config::{DatabaseConfig, Durability};
pub use database::Database;
pub use files::{Files, S3Config, S3Credentials};
pub use keeper::Storage;
pub use owner::Owner;
pub use stores::Stores;
