//! What a backup says about itself: what is in it, of when and of which version.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use storage::database::sqlite::{Care, examine};

use super::servers::elsewhere;
use crate::settings::Settings;

const NAME: &str = "manifest.json";
/// Of the manifest and the folder. A larger one is of a newer version.
const FORMAT: u32 = 1;
const CHUNK: usize = 1 << 20;
/// A copy has been looked through already.
const ONLY_MIGRATIONS: Care = Care {
    clean: Duration::ZERO,
    unclean: Duration::ZERO,
    trusts_index: false,
};

/// The manifest of a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Of this file.
    format: u32,
    /// The version of the platform that made it.
    pub(crate) version: String,
    /// The moment that it is of.
    pub(crate) created: String,
    /// The migrations behind each database.
    pub(crate) databases: BTreeMap<String, Vec<String>>,
    /// What servers had, which isn't in it.
    pub(crate) elsewhere: Vec<String>,
    pub(crate) files: Vec<Entry>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Below the folder.
    pub(crate) path: String,
    pub(crate) size_bytes: u64,
    pub(crate) sha256: String,
}

impl Manifest {
    pub(super) fn new(created: String, settings: &Settings) -> Self {
        let elsewhere = elsewhere(settings).into_iter().map(|part| part.name);
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            created,
            databases: BTreeMap::new(),
            elsewhere: elsewhere.collect(),
            files: Vec::new(),
        }
    }

    /// Adds a database that stands in the folder.
    pub(super) async fn add(&mut self, folder: &Path, file: &Path) -> Result<()> {
        let failed = || format!("{} can't be written", file.display());
        File::open(file)
            .and_then(|file| file.sync_all())
            .with_context(failed)?;
        let path = file.strip_prefix(folder)?.to_string_lossy().into_owned();
        let (size_bytes, sha256) = digest(file).with_context(failed)?;
        let looked = examine(file, ONLY_MIGRATIONS).await?;
        let migrations = looked.map(|condition| condition.migrations);
        self.databases
            .insert(path.clone(), migrations.unwrap_or_default());
        self.files.push(Entry {
            path,
            size_bytes,
            sha256,
        });
        Ok(())
    }

    /// Writes it, as the last file of the folder.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        let mut file = write_private(&folder.join(NAME))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    /// Reads the manifest of a backup.
    ///
    /// # Errors
    /// There is none that this version can read.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let name = folder.display();
        let text = match fs::read(folder.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
                "{name} isn't a backup, or is an incomplete one: it has no {NAME}; name a folder that `troupe backup` made"
            ),
            read => read.with_context(|| format!("{name} can't be read"))?,
        };
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let format = serde_json::from_slice::<Format>(&text);
        if format.is_ok_and(|it| it.format > FORMAT) {
            bail!(
                "the backup {name} was made by a newer version of Troupe: restore it with that version"
            );
        }
        let manifest: Self = serde_json::from_slice(&text).with_context(|| {
            format!("the backup {name} is damaged: {NAME} can't be read; use another backup")
        })?;
        for entry in &manifest.files {
            let mut parts = Path::new(&entry.path).components();
            if !parts.all(|part| matches!(part, Component::Normal(_))) || entry.path.is_empty() {
                bail!(
                    "the backup {name} names a file outside of it, {:?}: use another backup",
                    entry.path
                );
            }
        }
        Ok(manifest)
    }

    /// How much is in it.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.files.iter().map(|entry| entry.size_bytes).sum()
    }
}

/// The length and the hash of a file.
fn digest(file: &Path) -> io::Result<(u64, String)> {
    let (mut hash, mut size_bytes, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
    let mut file = File::open(file)?;
    loop {
        let read = file.read(&mut chunk)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok((size_bytes, hex(&hash.finalize())));
        };
        hash.update(bytes);
        size_bytes += read as u64;
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a file that wasn't there, and the folders above it, for their owner alone.
pub(crate) fn write_private(file: &Path) -> io::Result<File> {
    if let Some(folder) = file.parent() {
        let mut folders = fs::DirBuilder::new();
        folders.recursive(true).mode(0o700).create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(file)
}

/// Has the names in a folder, and in those below it, on the disk for sure.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
        File::open(&folder)?.sync_all()?;
    }
    Ok(())
}
