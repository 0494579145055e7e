//! Qdrant, whose server no package registry has: it is found or named, or there is none.

use std::io::{Error, Write};
use std::net::TcpStream;

use tokio::sync::OnceCell;

use super::daemon::{Daemon, Place};
use super::running::Running;
use super::{free_port, named_by, program};

const VARIABLE: &str = "TROUPE_TEST_QDRANT_URL";

/// A Qdrant server.
#[derive(Debug)]
pub struct Qdrant(Running);

impl Qdrant {
    /// The server that tests share: the one whose gRPC port `TROUPE_TEST_QDRANT_URL` names, else one that is started now, if
    /// there is a program `qdrant`. None if there isn't; then standard error says loudly that `suite` doesn't run.
    ///
    /// # Errors
    /// It doesn't start.
    pub async fn shared(suite: &str) -> Result<Option<&'static Self>, Error> {
        static SHARED: OnceCell<Option<Qdrant>> = OnceCell::const_new();
        let start = || async {
            match (named_by(VARIABLE), program("qdrant", &[], VARIABLE)) {
                (Some(url), _) => Ok(Some(Self(Running::named(url)))),
                (None, Ok(_)) => Self::start().await.map(Some),
                (None, Err(_)) => {
                    // Not by a macro: what they print, the test harness keeps to itself.
                    let message = format!(
                        "NOT RUN: {suite} on Qdrant: there is no program qdrant in PATH, and {VARIABLE} names no server\n"
                    );
                    std::io::stderr().write_all(message.as_bytes())?;
                    Ok(None)
                }
            }
        };
        SHARED.get_or_try_init(start).await.map(Option::as_ref)
    }

    /// A server of the caller's own.
    ///
    /// # Errors
    /// It isn't installed or doesn't start.
    pub async fn start() -> Result<Self, Error> {
        let (place, http_port, port) = (Place::new(None)?, free_port()?, free_port()?);
        let program = program("qdrant", &[], VARIABLE)?;
        let settings = format!(
            "telemetry_disabled: true\nservice:\n  host: 127.0.0.1\n  http_port: {http_port}\n  grpc_port: {port}\nstorage:\n  storage_path: {data}/storage\n  snapshots_path: {data}/snapshots\n",
            data = place.data().display()
        );
        let file = place.file("qdrant.yaml");
        std::fs::write(&file, settings)?;
        let command = [program.into(), "--config-path".into(), file.into()];
        let (url, daemon) = (format!("http://127.0.0.1:{port}"), place.start(&command)?);
        let started = Running::started("Qdrant", url, daemon, listens);
        started.await.map(Self)
    }

    /// Waits until the server listens, such as after it was started again.
    ///
    /// # Errors
    /// It doesn't within half a minute.
    pub async fn ready(&self) -> Result<(), Error> {
        self.0.ready().await
    }

    /// The address of the gRPC port.
    pub fn url(&self) -> &str {
        self.0.url()
    }

    /// A beginning of names of collections that no other test has.
    pub fn new_prefix(&self) -> String {
        self.0.new_name('-')
    }

    /// The process, to kill, pause and start it.
    ///
    /// # Errors
    /// The server was named and isn't ours.
    pub fn daemon(&self) -> Result<&Daemon, Error> {
        self.0.daemon()
    }
}

fn listens(url: &str) -> bool {
    TcpStream::connect(url.trim_start_matches("http://")).is_ok()
}
