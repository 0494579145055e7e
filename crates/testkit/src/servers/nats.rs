//! NATS with JetStream.

use std::io::{BufRead, BufReader, Error};
use std::net::TcpStream;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::daemon::{Daemon, Place};
use super::running::Running;
use super::{free_port, named_by, program};

const VARIABLE: &str = "TROUPE_TEST_NATS_URL";

/// A NATS server with JetStream, which syncs each message to disk before it acknowledges it.
#[derive(Debug)]
pub struct Nats(Running);

impl Nats {
    /// The server that tests share: the one that `TROUPE_TEST_NATS_URL` names, else one that is started now.
    ///
    /// # Errors
    /// It isn't installed or doesn't start; the message says what to do.
    pub async fn shared() -> Result<&'static Self, Error> {
        static SHARED: OnceCell<Nats> = OnceCell::const_new();
        let start = || async {
            match named_by(VARIABLE) {
                Some(url) => Ok(Self(Running::named(url))),
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
        Self::launch(disk_bytes, "").await
    }

    /// A server of the caller's own with further settings, such as who may log in.
    ///
    /// # Errors
    /// It isn't installed or doesn't start; the message says what to do.
    pub async fn start_with(settings: &str) -> Result<Self, Error> {
        Self::launch(None, settings).await
    }

    async fn launch(disk_bytes: Option<u64>, further: &str) -> Result<Self, Error> {
        let (place, port) = (Place::new(disk_bytes)?, free_port()?);
        let program = program("nats-server", &[], VARIABLE)?;
        let settings = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\", sync_interval: always }}\n{further}\n",
            place.data().display()
        );
        let file = place.file("nats.conf");
        std::fs::write(&file, settings)?;
        let command = [program.into(), "-c".into(), file.into()];
        let (url, daemon) = (format!("nats://127.0.0.1:{port}"), place.start(&command)?);
        let started = Running::started("NATS", url, daemon, |url| greets(url).is_ok_and(|yes| yes));
        started.await.map(Self)
    }

    /// Waits until the server answers, such as after it was started again.
    ///
    /// # Errors
    /// It doesn't within half a minute.
    pub async fn ready(&self) -> Result<(), Error> {
        self.0.ready().await
    }

    /// The address, with a login in it.
    pub fn url_as(&self, login: &str) -> String {
        self.url().replacen("://", &format!("://{login}@"), 1)
    }

    /// The address.
    pub fn url(&self) -> &str {
        self.0.url()
    }

    /// A beginning of names of streams that no other test has.
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

/// A server says what it can do as soon as somebody connects.
fn greets(url: &str) -> Result<bool, Error> {
    let connection = TcpStream::connect(url.trim_start_matches("nats://"))?;
    connection.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut greeting = String::new();
    BufReader::new(connection).read_line(&mut greeting)?;
    Ok(greeting.starts_with("INFO ") && greeting.contains("\"jetstream\":true"))
}
