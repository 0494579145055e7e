//! Where things are: the checkout, the target folder, and commands that run there.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The checkout and the folder for what is built.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// The workspace that cargo runs this program for. It may have been built from another checkout that shares the target folder.
    pub(crate) fn find() -> Result<Self> {
        let package = std::env::var_os("CARGO_MANIFEST_DIR").context("use `cargo xtask`")?;
        let root = Path::new(&package).parent();
        let root = root.context("xtask stands in no workspace")?.to_path_buf();
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
        let target = root.join(target);
        Ok(Self { root, target })
    }

    /// The folder of the root `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A folder for tools that tasks install, kept between runs.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// An executable of the workspace, as development builds make it.
    pub(crate) fn executable(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }

    /// An executable of the workspace, as release builds make it.
    pub(crate) fn optimised(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// A command that runs in the root.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// A cargo command, with the arguments split at spaces. It doesn't see the variables that `cargo run` gave this program:
    /// build scripts that look at them would run once more, and all that depends on theirs be built anew.
    pub(crate) fn cargo(&self, args: &str) -> Command {
        let mut command = self.command(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"CARGO_PKG_") {
                command.env_remove(name);
            }
        }
        command.env_remove("CARGO_MANIFEST_DIR");
        command.args(args.split_whitespace());
        command
    }

    /// What a command prints.
    ///
    /// # Errors
    /// If it can't be started or fails; its standard error is in the message.
    pub(crate) fn output(&self, mut command: Command) -> Result<String> {
        let output = command
            .output()
            .with_context(|| format!("can't start {command:?}"))?;
        anyhow::ensure!(
            output.status.success(),
            "{command:?} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8(output.stdout)?)
    }
}
