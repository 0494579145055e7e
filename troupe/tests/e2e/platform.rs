//! The executable as a process of its own, on a data folder of its own.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesh::Role;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_troupe");
/// Nothing that is waited for takes this long, unless it never happens.
const PATIENCE: Duration = Duration::from_secs(300);

/// Waits for something that happens; fails if it never does.
pub(crate) async fn eventually<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("it never happened: {what}"),
    }
}

/// A data folder and an environment to start platforms with.
pub(crate) struct Setup {
    folder: TempDir,
    executable: PathBuf,
    variables: Vec<(String, String)>,
}

impl Setup {
    /// An empty folder, and a model server that isn't there, so that no model runs in the process and none is fetched.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let setup = Self {
            folder,
            executable: PathBuf::from(EXECUTABLE),
            variables: Vec::new(),
        };
        setup
            .with("TROUPE__AI__OPENAI__BASE_URL", "http://127.0.0.1:9/v1")
            .with("TROUPE__AI__EMBEDDINGS__MODEL", "openai/scripted-words")
            .with("TROUPE__SHUTDOWN__NOTICE_SECS", "0")
    }

    /// Sets a variable of the configuration.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Takes another executable than the one that was built with the tests.
    pub(crate) fn of(self, executable: PathBuf) -> Self {
        Self { executable, ..self }
    }

    /// What is started.
    pub(crate) fn executable(&self) -> &Path {
        &self.executable
    }

    /// Where the platforms keep their data.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder for other files of the test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The executable with this environment and nothing of the test's own configuration.
    #[expect(
        clippy::disallowed_methods,
        reason = "the child gets no variables of the test's own"
    )]
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.executable);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TROUPE")) {
            command.env_remove(name);
        }
        command
            .env("TROUPE__DATA_DIR", self.data_dir())
            .env("TROUPE__GATEWAY__LISTEN", "127.0.0.1:0")
            .env("XDG_CONFIG_HOME", self.path("config"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .args(args)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs the executable to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Output {
        eventually("the command ends", self.command(args).output())
            .await
            .unwrap()
    }

    /// Runs the executable to its end, with lines to read.
    pub(crate) async fn run_with_input(&self, args: &[&str], lines: &[&str]) -> Output {
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin
            .write_all((lines.join("\n") + "\n").as_bytes())
            .await
            .unwrap();
        drop(stdin);
        eventually("the command ends", child.wait_with_output())
            .await
            .unwrap()
    }

    /// Starts a platform and waits until it is ready.
    pub(crate) async fn start(&self) -> Platform {
        self.launch(&["up"]).await
    }

    /// The same, by HTTPS at a name.
    pub(crate) async fn start_with_tls(&self, name: &str) -> Platform {
        let mut platform = self.launch(&["up", "--tls", name]).await;
        platform.url = format!("https://{}", platform.address());
        platform
    }

    /// Starts a process with some roles and waits until the first of them listens; it may still wait for others.
    pub(crate) async fn serve(&self, roles: &[Role]) -> Platform {
        let names = roles.iter().map(|role| role.name());
        self.launch(&Vec::from_iter(["serve"].into_iter().chain(names)))
            .await
    }

    async fn launch(&self, args: &[&str]) -> Platform {
        let mut child = self.command(args).stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::default();
        let (ready, address) = oneshot::channel();
        // One process alone waits for nobody.
        let is_whole = args[0] == "up";
        let reading = read(child.stderr.take().unwrap(), log.clone(), ready, is_whole);
        let reading = platform::Tasks::new().spawn(reading);
        let address = eventually("the platform is ready", address).await;
        let Ok(address) = address else {
            panic!("the platform didn't start:\n{}", log.text())
        };
        Platform {
            child,
            url: format!("http://{address}"),
            log,
            reading,
        }
    }
}

/// A running platform; it is killed when this is dropped.
pub(crate) struct Platform {
    child: Child,
    url: String,
    log: Log,
    reading: JoinHandle<()>,
}

impl Platform {
    /// Where it answers.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where it answers, without the scheme.
    pub(crate) fn address(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// What it has logged by now.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// Everything that it logged, once it has ended.
    pub(crate) async fn log_to_end(self) -> String {
        let (log, reading) = (self.log.clone(), self.reading);
        eventually("the log ends", reading).await.unwrap();
        log.text()
    }

    /// Ends it without warning.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to end.
    pub(crate) fn ask_to_stop(&self) {
        self.signal(Signal::TERM);
    }

    /// Lets it stand still.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid() as i32).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        self.exit().await
    }

    /// Waits until it has ended, and keeps what it was.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        eventually("the platform ends", self.child.wait())
            .await
            .unwrap()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(self) -> ExitStatus {
        self.ask_to_stop();
        self.ended().await
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

/// Reads the log to its end, and tells the address once the platform is ready, or listens if that is enough.
async fn read(stderr: ChildStderr, log: Log, ready: oneshot::Sender<String>, is_whole: bool) {
    let mut ready = Some(ready);
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        if let (Some(is_ready), Some(address)) =
            (entry["ready"].as_bool(), entry["address"].as_str())
            && (is_ready || !is_whole)
            && let Some(ready) = ready.take()
        {
            let _nobody_waits = ready.send(address.to_owned());
        }
        log.0.lock().unwrap().push(line);
    }
}

/// The root of the checkout.
pub(crate) fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A variable that says how the tests run.
#[expect(clippy::disallowed_methods, reason = "tests have no settings")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// An address that nobody listens at, so that a process can come back to it.
pub(crate) fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
