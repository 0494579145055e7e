//! Real clients against a running platform: Python grpcio, gRPC-Web from npm, plain HTTP, Chromium. What they check
//! stands beside the gateway, in `gateway/tests/clients`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::report::{self, Counts};
use crate::tests;
use crate::tools;
use crate::workspace::Workspace;

const SCRIPTS: &str = "gateway/tests/clients";
/// Lets the pages of `browser.mjs` call.
const CONFIGURATION: &str = "[gateway.cors]\nallowed_origins = [\"http://app.example\"]\n";

/// Installs the clients, starts a platform of their own, and runs them against it.
pub(crate) fn run(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let scripts = workspace.root().join(SCRIPTS);
    let requirements = std::fs::read_to_string(scripts.join("requirements.txt"))?;
    let python = tools::python(
        workspace,
        "clients-python",
        &requirements.lines().collect::<Vec<_>>(),
    )?;
    let node = install_node(workspace, &scripts, counts)?;
    tools::browser(workspace)?;

    report::run(tests::executable(workspace), counts)?;
    let platform = Platform::start(workspace)?;
    let (address, url) = (
        platform.address.as_str(),
        format!("http://{}", platform.address),
    );
    let descriptors = platform.folder.join("troupe.binpb");

    let script = |name: &str| {
        let mut command = workspace.command(python.join("python"));
        command.arg(scripts.join(name)).arg(address);
        command
    };
    let mut grpc = script("python_grpc.py");
    grpc.arg("--descriptor-set").arg(&descriptors);
    let mut web = workspace.command("node");
    web.arg(node.join("grpc_web.mjs"))
        .arg(&url)
        .arg(&descriptors)
        .arg(workspace.root().join("examples/cards/maren.png"));
    let mut browser = workspace.command("node");
    browser.arg(scripts.join("browser.mjs")).arg(&url);

    let mut failures = Vec::new();
    for command in [grpc, web, script("plain_http.py"), browser] {
        failures.extend(report::run(command, counts).err());
    }
    match failures.into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// Copies the scripts to the tools and installs their packages there, so that nothing is written into the checkout.
fn install_node(workspace: &Workspace, scripts: &Path, counts: &mut Counts) -> Result<PathBuf> {
    let folder = workspace.tools().join("clients-node");
    std::fs::create_dir_all(&folder)?;
    let files = [
        "package.json",
        "package-lock.json",
        "checks.mjs",
        "grpc_web.mjs",
    ];
    for file in files {
        std::fs::copy(scripts.join(file), folder.join(file)).with_context(|| file.to_owned())?;
    }
    let mut npm = workspace.command("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder);
    report::run(npm, counts)
        .context("Node.js with npm is needed (Debian packages nodejs and npm)")?;
    Ok(folder)
}

/// A platform with the local model, on a data folder of its own. It ends when this is dropped.
struct Platform {
    process: Child,
    folder: PathBuf,
    address: String,
}

impl Platform {
    fn start(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.tools().join("clients-data");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let models = tests::model_cache();
        std::fs::create_dir_all(&models)?;
        std::os::unix::fs::symlink(models, folder.join("models"))?;

        let configuration = folder.join("troupe.toml");
        std::fs::write(&configuration, CONFIGURATION)?;

        let mut command = Command::new(workspace.executable("troupe"));
        command
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&folder)
            .arg("--config")
            .arg(&configuration);
        let mut process = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = process.stderr.take().context("no log to read")?;
        let mut lines = BufReader::new(log).lines();
        let Some(address) = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| ready_address(&line))
        else {
            bail!("the platform did not start: {}", process.wait()?);
        };
        // What it logs later is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self {
            process,
            folder,
            address,
        })
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address in the line of the log that says that the platform is ready.
fn ready_address(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    line.get("ready")?.as_bool()?.then_some(())?;
    Some(line.get("address")?.as_str()?.to_owned())
}

#[cfg(test)]
mod log {
    use super::ready_address;

    #[test]
    fn finds_the_address_where_the_platform_is_ready() {
        let line = r#"{"message":"the platform is ready","ready":true,"address":"127.0.0.1:8000"}"#;
        assert_eq!(ready_address(line).as_deref(), Some("127.0.0.1:8000"));
        assert_eq!(
            ready_address(r#"{"message":"starting","address":"x"}"#),
            None
        );
        assert_eq!(ready_address("error: no"), None);
    }
}
