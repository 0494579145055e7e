//! Where things are: the release builds that are measured, a scratch folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// The folder of release builds, and one for what a run leaves.
pub(crate) struct Workspace {
    release: PathBuf,
    scratch: TempDir,
    troupe: Option<PathBuf>,
}

impl Workspace {
    /// Finds the release builds and makes a scratch folder, which goes when the workspace is dropped. `troupe` is an
    /// executable to measure instead of the one built here.
    pub(crate) fn open(troupe: Option<PathBuf>) -> Result<Self> {
        let executable = std::env::current_exe()?;
        let release = executable
            .parent()
            .context("the executable has no folder")?;
        ensure!(
            !cfg!(debug_assertions),
            "a debug build measures nothing of worth: run `cargo xtask bench`"
        );
        Ok(Self {
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

    /// The executable `troupe`: the one that was named, or that of the release build.
    pub(crate) fn troupe(&self) -> Result<PathBuf> {
        self.troupe.clone().map_or_else(|| self.built("troupe"), Ok)
    }

    /// An example of a crate.
    pub(crate) fn example(&self, name: &str) -> Result<PathBuf> {
        self.built(&format!("examples/{name}"))
    }

    fn built(&self, name: &str) -> Result<PathBuf> {
        let path = self.release.join(name);
        ensure!(
            path.exists(),
            "{} isn't there: `cargo xtask bench` builds what is measured",
            path.display()
        );
        Ok(path)
    }
}
