//! What `cargo metadata` says about packages.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::workspace::Workspace;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A package of the workspace.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its `Cargo.toml`.
    pub(crate) manifest_path: PathBuf,
    /// What it depends on, as its manifest says.
    pub(crate) dependencies: Vec<Dependency>,
}

/// A line of a manifest.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Dependency {
    /// Name of the package.
    pub(crate) name: String,
    /// `dev` or `build`; none for one that the library is linked with.
    pub(crate) kind: Option<String>,
}

impl Package {
    /// The package's folder, relative to the root of the workspace.
    pub(crate) fn folder(&self, root: &Path) -> Result<String> {
        let folder = self
            .manifest_path
            .parent()
            .context("a manifest without a folder")?;
        let folder = folder.strip_prefix(root)?;
        Ok(folder.to_string_lossy().into_owned())
    }
}

/// The packages of the workspace.
pub(crate) fn ours(workspace: &Workspace) -> Result<Vec<Package>> {
    let text = workspace.output(workspace.cargo("metadata --format-version 1 --no-deps"))?;
    Ok(serde_json::from_str::<Metadata>(&text)?.packages)
}

/// All packages that are built on this kind of machine, ours and others', as cargo writes them.
pub(crate) fn all(workspace: &Workspace) -> Result<String> {
    let version = workspace.output(workspace.cargo("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("cargo doesn't say what it builds for")?;
    let metadata = format!("metadata --format-version 1 --filter-platform {host}");
    workspace.output(workspace.cargo(&metadata))
}
