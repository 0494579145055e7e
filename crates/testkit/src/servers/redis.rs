//! Redis.

use std::io::{BufRead, BufReader, Error, Write};
use std::net::TcpStream;
use std::time::Duration;

use platform::config::ServerUrl;
use redis::RedisConfig;
use tokio::sync::OnceCell;

use super::daemon::{Daemon, Place};
use super::running::Running;
use super::{free_port, named_by, program};

const VARIABLE: &str = "TROUPE_TEST_REDIS_URL";

/// A Redis server.
#[derive(Debug)]
pub struct Redis(Running);

impl Redis {
    /// The server that tests share: the one that `TROUPE_TEST_REDIS_URL` names, else one that is started now.
    ///
    /// # Errors
    /// It isn't installed or doesn't start; the message says what to do.
    pub async fn shared() -> Result<&'static Self, Error> {
        static SHARED: OnceCell<Redis> = OnceCell::const_new();
        let start = || async {
            match named_by(VARIABLE) {
                Some(url) => Ok(Self(Running::named(url))),
                None => Self::start().await,
            }
        };
        SHARED.get_or_try_init(start).await
    }

    /// A server of the caller's own.
    ///
    /// # Errors
    /// It isn't installed or doesn't start; the message says what to do.
    pub async fn start() -> Result<Self, Error> {
        Self::start_with(&[]).await
    }

    /// A server of the caller's own with further arguments, such as `--requirepass`.
    ///
    /// # Errors
    /// It isn't installed or doesn't start; the message says what to do.
    pub async fn start_with(further: &[&str]) -> Result<Self, Error> {
        let (place, port) = (Place::new(None)?, free_port()?);
        let program = program("redis-server", &[], VARIABLE)?;
        let (data, port_text) = (place.data(), port.to_string());
        let arguments = [
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--port",
            &port_text,
            "--dir",
        ];
        let mut command = vec![program.into()];
        command.extend(arguments.map(Into::into));
        command.push(data.into());
        command.extend(further.iter().map(Into::into));
        let (url, daemon) = (format!("redis://127.0.0.1:{port}"), place.start(&command)?);
        let started = Running::started("Redis", url, daemon, |url| {
            answers(url).is_ok_and(|yes| yes)
        });
        started.await.map(Self)
    }

    /// Waits until the server answers, such as after it was started again.
    ///
    /// # Errors
    /// It doesn't within half a minute.
    pub async fn ready(&self) -> Result<(), Error> {
        self.0.ready().await
    }

    /// The address.
    pub fn url(&self) -> &str {
        self.0.url()
    }

    /// A beginning of keys that no other test has.
    pub fn new_prefix(&self) -> String {
        self.0.new_name('-')
    }

    /// The configuration of a platform that uses the server, with keys that no other test has.
    pub fn config(&self) -> RedisConfig {
        RedisConfig {
            url: ServerUrl::new(self.url()),
            prefix: self.new_prefix(),
        }
    }

    /// Runs a command, such as `DBSIZE`, and gives the first line of the answer as the protocol has it.
    ///
    /// # Errors
    /// It doesn't answer.
    pub fn command(&self, line: &str) -> Result<String, Error> {
        ask(self.0.url(), &format!("{line}\r\n"))
    }

    /// The process, to kill, pause and start it.
    ///
    /// # Errors
    /// The server was named and isn't ours.
    pub fn daemon(&self) -> Result<&Daemon, Error> {
        self.0.daemon()
    }
}

fn answers(url: &str) -> Result<bool, Error> {
    let answer = ask(url, "PING\r\n")?;
    Ok(answer.starts_with("+PONG") || answer.starts_with("-NOAUTH"))
}

/// Sends a command, and takes the first line of the answer.
fn ask(url: &str, command: &str) -> Result<String, Error> {
    let mut connection = TcpStream::connect(url.trim_start_matches("redis://"))?;
    connection.set_read_timeout(Some(Duration::from_secs(1)))?;
    connection.write_all(command.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(connection).read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}
