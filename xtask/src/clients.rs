//! Real clients against a running platform: Python grpcio, gRPC-Web and Connect from npm, plain HTTP, Chromium. What they
//! check stands beside the gateway, in `gateway/tests/clients`.

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
    let from_npm = |name: &str| {
        let mut command = workspace.command("node");
        command
            .arg(node.join(name))
            .arg(&url)
            .arg(&descriptors)
            .arg(workspace.root().join("examples/cards/maren.png"));
        command
    };
    let mut browser = workspace.command("node");
    browser.arg(scripts.join("browser.mjs")).arg(&url);

    let mut failures = Vec::new();
    let (web, connect) = (from_npm("grpc_web.mjs"), from_npm("connect.mjs"));
    for command in [grpc, web, connect, script("plain_http.py"), browser] {
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
        "rpc.mjs",
        "grpc_web.mjs",
        "connect.mjs",
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
        let address = match usable_address(lines.by_ref().map_while(Result::ok)) {
            Ok(address) => address,
            Err(last_line) => {
                let _ = process.kill();
                process.wait()?;
                bail!("the platform can't be used; its last words: {last_line}");
            }
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

/// The address of a platform whose log this is, once its local model is there too: weights that are still to be fetched may take
/// longer than a client waits for a reply. The last line of the log where it ends before that, or the model can't be used.
fn usable_address(log: impl Iterator<Item = String>) -> Result<String, String> {
    let (mut address, mut has_model, mut last_line) = (None, false, String::new());
    for line in log {
        let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        last_line = line;
        match said["message"].as_str() {
            Some("local model is ready") => has_model = true,
            Some("local model can't be used") => break,
            _ if said["ready"] == true => address = said["address"].as_str().map(str::to_owned),
            _ => {}
        }
        if has_model && let Some(address) = &address {
            return Ok(address.clone());
        }
    }
    Err(last_line)
}

#[cfg(test)]
mod log {
    use super::usable_address;

    const READY: &str =
        r#"{"message":"the platform is ready","ready":true,"address":"127.0.0.1:8000"}"#;
    const MODEL: &str = r#"{"message":"local model is ready","model.name":"x"}"#;

    #[test]
    fn waits_for_the_platform_and_its_model_in_any_order() {
        let address = |lines: &[&str]| usable_address(lines.iter().map(|&line| line.to_owned()));
        let ready = Ok("127.0.0.1:8000".to_owned());
        assert_eq!(address(&[READY, "no JSON", MODEL]), ready);
        assert_eq!(address(&[MODEL, READY]), ready);
        assert_eq!(address(&[MODEL, "error: no"]), Err("error: no".to_owned()));
        let starting = r#"{"message":"starting","address":"x"}"#;
        assert_eq!(address(&[MODEL, starting]), Err(starting.to_owned()));
        let failed = r#"{"message":"local model can't be used","error":"no room"}"#;
        assert_eq!(address(&[READY, failed, MODEL]), Err(failed.to_owned()));
    }
}
