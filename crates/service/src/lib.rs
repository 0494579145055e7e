//! What a service is built from: what the process that runs it has for it.

mod backends;
mod host;

pub use backends::Backends;
pub use host::Host;
