//! Child processes: started with a log, awaited until they listen, their CPU time read, killed when dropped.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// What Linux counts CPU time in, in `/proc`: a hundredth of a second on every architecture we run on.
const TICK: Duration = Duration::from_millis(10);
const START_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
const LOG_TAIL_LINES: usize = 15;

/// A running server. Dropping it kills it.
pub(crate) struct Process {
    name: String,
    child: Child,
    pid: u32,
    log: PathBuf,
}

impl Process {
    /// Starts it; what it says goes to a log in `scratch`.
    fn start(name: &str, mut command: Command, scratch: &Path) -> Result<Self> {
        let log = scratch.join(format!("{name}.log"));
        let output = std::fs::File::create(&log)?;
        let child = command
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let pid = child.id().context("the process has ended already")?;
        Ok(Self {
            name: name.to_owned(),
            child,
            pid,
            log,
        })
    }

    /// Waits until the server accepts connections. Fails with the end of its log if it stops or takes over a minute.
    async fn until_listening(&mut self, address: SocketAddr) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} stopped with {status}:\n{}", self.name, self.log_tail());
            }
            if start.elapsed() > START_WITHIN {
                bail!(
                    "{} doesn't listen on {address} after {} s:\n{}",
                    self.name,
                    START_WITHIN.as_secs(),
                    self.log_tail()
                );
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// CPU time that the process has used so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu_of(self.pid).with_context(|| format!("{}:\n{}", self.name, self.log_tail()))
    }

    /// The last lines that the process wrote.
    pub(crate) fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }
}

/// A process that listens.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
}

impl Server {
    /// Starts a server that was told to listen on `address`, and waits until it does.
    pub(crate) async fn start(
        name: &str,
        command: Command,
        address: SocketAddr,
        scratch: &Path,
    ) -> Result<Self> {
        let mut process = Process::start(name, command, scratch)?;
        process.until_listening(address).await?;
        Ok(Self { address, process })
    }
}

/// User and system time of all threads of a process, in steps of 10 ms.
pub(crate) fn cpu_of(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} has ended"))?;
    let ticks = cpu_ticks(&stat).context("/proc/<pid>/stat has an unknown form")?;
    Ok(TICK * ticks)
}

/// `utime` and `stime`, the 14th and 15th field. The 2nd, the name, may hold spaces and brackets.
fn cpu_ticks(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// A loopback address with a port that is free now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Completes when standard input closes, which it does when the process that started this one ends.
pub(crate) async fn parent_gone() {
    // Nothing is ever written to it; an error means the same as its end.
    let _read = tokio::io::stdin().read(&mut [0; 1]).await;
}

/// Runs a command to its end with its output on standard error, for builds and installations.
pub(crate) async fn run(what: &str, mut command: Command) -> Result<()> {
    eprintln!("bench: {what}");
    let status = command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .kill_on_drop(true)
        .status()
        .await
        .with_context(|| format!("{what}: the command can't be started"))?;
    if !status.success() {
        bail!("{what}: the command ended with {status}");
    }
    Ok(())
}

/// What a command prints, with its standard error passed on.
pub(crate) async fn output_of(
    what: &str,
    mut command: Command,
    within: Duration,
) -> Result<String> {
    eprintln!("bench: {what}");
    let running = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(within, running)
        .await
        .with_context(|| format!("{what}: not done after {} s", within.as_secs()))?
        .with_context(|| format!("{what}: the command can't be started"))?;
    if !output.status.success() {
        bail!("{what}: the command ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cpu_time_past_a_name_with_spaces_and_brackets() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194560 100 0 0 0 17 25 0 0 20 0 3 0 900 1 2";
        assert_eq!(cpu_ticks(stat), Some(42));
    }

    #[test]
    fn refuses_a_line_without_cpu_time() {
        assert_eq!(cpu_ticks("42 (a) S 1"), None);
    }
}
