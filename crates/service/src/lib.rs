//! What services are built from: the trait that each implements, what its process has for it, and the ways of saying things
//! that all share, from reading a request to refusing it.

mod answer;
mod backends;
mod error;
pub mod fields;
mod host;
mod mask;
mod pages;
mod request_key;
mod retell;
mod service;
mod site;

pub use answer::answer;
pub use backends::Backends;
pub use error::BuildError;
pub use host::Host;
pub use mask::masked;
pub use pages::{Page, Pages};
pub use request_key::{REQUEST_ID, RequestKey};
pub use retell::{RetellError, retell};
pub use service::{Alone, Neighbours, Section, Service, build, migrate, migrations, with_shared};
pub use site::Site;
