//! A server's process, watched over by a shell that ends it when the test's process is gone.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Error, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Takes orders, a line each, and answers each with a line. The server is the leader of a process group, and its
/// children, which PostgreSQL gives groups of their own, get what it gets. At the end of the orders, also by a crash of
/// who gives them, everything goes.
const GUARDIAN: &str = r#"
trap '' INT TERM HUP
folder=$1; shift; pid=
tell() { children=$(cat "/proc/$pid/task/$pid/children"); kill -s "$1" -- "-$pid" $children; }
while read -r order; do
  case $order in
    start) setsid "$@" >>"$folder/log" 2>&1 </dev/null & pid=$! ;;
    *) tell "$order"; [ "$order" = KILL ] && wait "$pid" ;;
  esac 2>/dev/null
  echo done
done
[ -n "$pid" ] && tell KILL 2>/dev/null && wait "$pid"
while mountpoint -q "$folder/data"; do umount "$folder/data" || sleep 0.1; done
rm -rf "$folder"
"#;
const PATIENCE: Duration = Duration::from_secs(30);

/// A server's process. Its data outlives kills; both end with this value.
#[derive(Debug)]
pub struct Daemon {
    folder: PathBuf,
    guardian: Mutex<Guardian>,
}

#[derive(Debug)]
struct Guardian {
    process: Child,
    /// Absent once the last order was given.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// A folder of a server to be, with its data in `data`.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
}

impl Place {
    /// A new temporary folder. With `disk_bytes`, the data is on a disk of that size, for which the test must run as root.
    pub(super) fn new(disk_bytes: Option<u64>) -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix("troupe-server-")
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()?
            .keep();
        let place = Self { folder };
        std::fs::create_dir(place.data())?;
        if let Some(bytes) = disk_bytes {
            let mut mount = Command::new("mount");
            mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]);
            run(mount.arg(place.data()))?;
        }
        Ok(place)
    }

    /// Where the server keeps its data.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A file beside the data.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts the guardian, and the server with it.
    pub(super) fn start(self, command: &[OsString]) -> Result<Daemon, Error> {
        let daemon = self.guard(command)?;
        daemon.start()?;
        Ok(daemon)
    }

    /// Starts the guardian of a folder whose server runs in this process.
    pub(super) fn keep(self) -> Result<Daemon, Error> {
        self.guard(&[])
    }

    fn guard(self, command: &[OsString]) -> Result<Daemon, Error> {
        let mut process = Command::new("sh")
            .args(["-c", GUARDIAN, "guardian"])
            .arg(&self.folder)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let missing = || Error::other("the guardian has no pipes");
        let orders = process.stdin.take().ok_or_else(missing)?;
        let answers = BufReader::new(process.stdout.take().ok_or_else(missing)?);
        let guardian = Guardian {
            process,
            orders: Some(orders),
            answers,
        };
        Ok(Daemon {
            folder: self.folder,
            guardian: Mutex::new(guardian),
        })
    }
}

impl Daemon {
    /// Starts the server again after [`Daemon::kill`], on the same port and data.
    ///
    /// # Errors
    /// The guardian is gone.
    pub fn start(&self) -> Result<(), Error> {
        self.order("start")
    }

    /// Ends the server at once, as `kill -9` does, with all its children.
    ///
    /// # Errors
    /// The guardian is gone.
    pub fn kill(&self) -> Result<(), Error> {
        self.order("KILL")
    }

    /// Lets the server stand still: connections stay open and nobody answers.
    ///
    /// # Errors
    /// The guardian is gone.
    pub fn pause(&self) -> Result<(), Error> {
        self.order("STOP")
    }

    /// Lets a paused server go on.
    ///
    /// # Errors
    /// The guardian is gone.
    pub fn resume(&self) -> Result<(), Error> {
        self.order("CONT")
    }

    /// Where the server keeps its data.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Waits until the server is ready by `is_ready`.
    pub(super) async fn wait_until(
        &self,
        name: &str,
        mut is_ready: impl FnMut() -> bool,
    ) -> Result<(), Error> {
        let until = Instant::now() + PATIENCE;
        while !is_ready() {
            if Instant::now() > until {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                let message = format!("{name} did not become ready; it said: {log}");
                return Err(Error::new(ErrorKind::TimedOut, message));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn order(&self, order: &str) -> Result<(), Error> {
        let mut guardian = self.guardian.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = || Error::new(ErrorKind::BrokenPipe, "the server's guardian is gone");
        let orders = guardian.orders.as_mut().ok_or_else(gone)?;
        writeln!(orders, "{order}")?;
        let mut answer = String::new();
        match guardian.answers.read_line(&mut answer)? {
            0 => Err(gone()),
            _ => Ok(()),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let guardian = self.guardian.get_mut();
        let guardian = guardian.unwrap_or_else(PoisonError::into_inner);
        drop(guardian.orders.take());
        let _ = guardian.process.wait();
    }
}

/// Runs a command that must succeed.
pub(super) fn run(command: &mut Command) -> Result<(), Error> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::other(format!("{command:?} failed: {said}")))
}

/// Hands a folder to a user of the system.
pub(super) fn hand_over(folder: &Path, user: &str) -> Result<(), Error> {
    run(Command::new("chown").arg(user).arg(folder))
}
