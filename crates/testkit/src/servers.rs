//! Real servers for tests: PostgreSQL, Redis, NATS, an S3-compatible store, and Qdrant where there is one. Each listens on a
//! free port of 127.0.0.1, keeps its data in a temporary folder, and is gone, folder and all, when the test's process is,
//! however that ends.
//!
//! Most tests share one server of a kind and keep out of each other's way by names of their own; a test that kills, pauses
//! or fills a server starts its own. A variable such as `TROUPE_TEST_POSTGRES_URL` names a shared server that runs already.

mod daemon;
mod nats;
mod postgres;
mod qdrant;
mod redis;
mod running;
mod s3;

pub use daemon::Daemon;
pub use nats::Nats;
pub use postgres::Postgres;
pub use qdrant::Qdrant;
pub use redis::Redis;
pub use s3::S3;

use std::ffi::OsStr;
use std::io::{Error, ErrorKind};
use std::path::PathBuf;

/// The address in a variable, if it holds one.
#[expect(
    clippy::disallowed_methods,
    reason = "the variable says how a test runs, which no setting does"
)]
fn named_by(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|url| !url.is_empty())
}

/// A program of a server, in `PATH` or one of these folders.
#[expect(
    clippy::disallowed_methods,
    reason = "the variable says how a test runs, which no setting does"
)]
fn program(name: &str, folders: &[PathBuf], variable: &str) -> Result<PathBuf, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(AsRef::<OsStr>::as_ref(&path));
    in_path
        .chain(folders.iter().cloned())
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            let message = format!("{name} isn't installed: `cargo xtask test` installs what tests need, or name a running server with {variable}");
            Error::new(ErrorKind::NotFound, message)
        })
}

/// A port that nobody listens on.
fn free_port() -> Result<u16, Error> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    Ok(listener.local_addr()?.port())
}
