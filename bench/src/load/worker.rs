//! The load generator seen from the one who starts it.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::Protocol;
use crate::process;

/// What the load generator measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) requests: f64,
    pub(crate) seconds: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Length of an answer's body.
    pub(crate) body_bytes: f64,
}

impl Figures {
    /// As the load generator prints them.
    pub(crate) fn line(&self) -> String {
        let Self {
            requests,
            seconds,
            p50_us,
            p99_us,
            body_bytes,
        } = self;
        json!([requests, seconds, p50_us, p99_us, body_bytes]).to_string()
    }

    fn parse(line: &str) -> Result<Self> {
        let values: Value = serde_json::from_str(line)?;
        let at = |index: usize| values[index].as_f64().context("figures of another form");
        Ok(Self {
            requests: at(0)?,
            seconds: at(1)?,
            p50_us: at(2)?,
            p99_us: at(3)?,
            body_bytes: at(4)?,
        })
    }
}

/// A load generator that is connected and warm.
pub(crate) struct Worker {
    child: Child,
    pid: u32,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    patience: Duration,
}

impl Worker {
    /// Starts a load generator and waits until it is warm.
    pub(crate) async fn start(
        protocol: Protocol,
        address: SocketAddr,
        connections: u64,
        seconds: u64,
    ) -> Result<Self> {
        let value = clap::ValueEnum::to_possible_value(&protocol).context("a hidden protocol")?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["load", "--protocol", value.get_name()])
            .args(["--address", &address.to_string()])
            .args(["--connections", &connections.to_string()])
            .args(["--seconds", &seconds.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().context("the load generator has ended already")?;
        let input = child.stdin.take().context("no standard input")?;
        let output = child.stdout.take().context("no standard output")?;
        let mut worker = Self {
            child,
            pid,
            input,
            lines: BufReader::new(output).lines(),
            patience: Duration::from_secs(seconds + 30),
        };
        let first = worker.line().await?;
        if first != "ready" {
            bail!("the load generator says {first:?}");
        }
        Ok(worker)
    }

    /// CPU time that the load generator has used so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        process::cpu_of(self.pid)
    }

    /// Lets it load, and waits for its figures.
    pub(crate) async fn load(&mut self) -> Result<Figures> {
        self.input.write_all(b"go\n").await?;
        Figures::parse(&self.line().await?)
    }

    /// Ends it.
    pub(crate) async fn finish(self) -> Result<()> {
        let Self {
            mut child, input, ..
        } = self;
        drop(input);
        child.wait().await?;
        Ok(())
    }

    async fn line(&mut self) -> Result<String> {
        tokio::time::timeout(self.patience, self.lines.next_line())
            .await
            .context("the load generator hangs")??
            .context("the load generator failed; its error stands above")
    }
}
