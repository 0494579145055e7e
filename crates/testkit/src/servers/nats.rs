//! NATS with JetStream.

use std::io::{BufRead, BufReader, Error};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::daemon::{Daemon, Place};
use super::{free_port, named_by, program};

const VARIABLE: &str = "TROUPE_TEST_NATS_URL";

/// A NATS server with JetStream, which syncs each message to disk before it acknowledges it.
#[derive(Debug)]
pub struct Nats {
    url: String,
    prefixes: AtomicU32,
    /// Absent where a running server was named.
    daemon: Option<Daemon>,
}

impl Nats {
    /// The server that tests share: the one that `TROUPE_TEST_NATS_URL` names, else one that is started now.
    ///
    /// # Errors
    /// It isn't installed or doesn't start; the message says what to do.
    pub async fn shared() -> Result<&'static Self, Error> {
        static SHARED: OnceCell<Nats> = OnceCell::const_new();
        let start = || async {
            match named_by(VARIABLE) {
                Some(url) => Ok(Self {
                    url,
                    prefixes: AtomicU32::default(),
                    daemon: None,
                }),
                None => Self::start(None).await,
            }
        };
        SHARED.get_or_try_init(start).await
    }

    /// A server of the caller's own. With `disk_bytes`, on a disk of that size, which takes root.
    ///
    /// # Errors
    /// It isn't installed or doesn't start; the message says what to do.
    pub async fn start(disk_bytes: Option<u64>) -> Result<Self, Error> {
        let (place, port) = (Place::new(disk_bytes)?, free_port()?);
        let program = program("nats-server", &[], VARIABLE)?;
        let settings = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\", sync_interval: always }}\n",
            place.data().display()
        );
        let file = place.file("nats.conf");
        std::fs::write(&file, settings)?;
        let command = [program.into(), "-c".into(), file.into()];
        let server = Self {
            url: format!("nats://127.0.0.1:{port}"),
            prefixes: AtomicU32::default(),
            daemon: Some(place.start(&command)?),
        };
        server.ready().await?;
        Ok(server)
    }

    /// Waits until the server answers, such as after it was started again.
    ///
    /// # Errors
    /// It doesn't within half a minute.
    pub async fn ready(&self) -> Result<(), Error> {
        match &self.daemon {
            Some(daemon) => {
                daemon
                    .wait_until("NATS", || greets(&self.url).is_ok_and(|yes| yes))
                    .await
            }
            None => Ok(()),
        }
    }

    /// The address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A beginning of names of streams that no other test has.
    pub fn new_prefix(&self) -> String {
        let number = self.prefixes.fetch_add(1, Ordering::Relaxed);
        format!("test-{}-{number}", std::process::id())
    }

    /// The process, to kill, pause and start it.
    ///
    /// # Errors
    /// The server was named and isn't ours.
    pub fn daemon(&self) -> Result<&Daemon, Error> {
        self.daemon
            .as_ref()
            .ok_or_else(|| Error::other("the named server isn't ours to end"))
    }
}

/// A server says what it can do as soon as somebody connects.
fn greets(url: &str) -> Result<bool, Error> {
    let connection = TcpStream::connect(url.trim_start_matches("nats://"))?;
    connection.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut greeting = String::new();
    BufReader::new(connection).read_line(&mut greeting)?;
    Ok(greeting.starts_with("INFO ") && greeting.contains("\"jetstream\":true"))
}
