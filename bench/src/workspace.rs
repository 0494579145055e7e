//! Where things are: the repository, the release builds, a scratch folder. Builds what a benchmark measures.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use crate::process;

/// The repository and what is built from it.
pub(crate) struct Workspace {
    root: PathBuf,
    release: PathBuf,
    scratch: TempDir,
    troupe: Option<PathBuf>,
}

impl Workspace {
    /// Finds the repository and makes a scratch folder, which goes when the workspace is dropped. `troupe` is an
    /// executable to measure instead of one built here.
    pub(crate) fn open(troupe: Option<PathBuf>) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let executable = std::env::current_exe()?;
        let release = executable
            .parent()
            .context("the executable has no folder")?;
        ensure!(
            !cfg!(debug_assertions),
            "a debug build measures nothing of worth: run `cargo run --release -p bench -- all`"
        );
        Ok(Self {
            root: root.context("the crate has no parent folder")?.to_owned(),
            release: release.to_owned(),
            scratch: tempfile::Builder::new().prefix("troupe-bench-").tempdir()?,
            troupe,
        })
    }

    /// A folder for logs and data of this run.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// A folder that later runs find again, for what is downloaded.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.release.with_file_name("bench")
    }

    /// Builds the executable `troupe`, unless one was named, and gives its path.
    pub(crate) async fn troupe(&self) -> Result<PathBuf> {
        if let Some(named) = &self.troupe {
            return Ok(named.clone());
        }
        self.build().await?;
        Ok(self.release.join("troupe"))
    }

    /// Builds an example of a crate and gives its path.
    pub(crate) async fn example(&self, name: &str) -> Result<PathBuf> {
        self.build().await?;
        Ok(self.release.join("examples").join(name))
    }

    /// Builds everything at once: each selection of its own would build many dependencies again, with other features.
    async fn build(&self) -> Result<()> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let target = self.release.parent().context("no target folder")?;
        let mut command = Command::new(cargo);
        command
            .args(["build", "--release", "--quiet"])
            .args(["--workspace", "--bins", "--examples"])
            .env("CARGO_TARGET_DIR", target)
            .current_dir(&self.root);
        process::run("building what is measured", command).await
    }
}
