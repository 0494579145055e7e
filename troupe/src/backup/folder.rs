//! What of a data folder belongs into a backup.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use storage::Storage;
use storage::database::sqlite::refuse_without_own_log;
use vectors::SUFFIX as VECTORS;

use super::manifest::Manifest;
use super::pictures::copy_file;
use super::report::Report;
use crate::instance::known;
use crate::made::{Made, NOTES};
use crate::services::{ROLES, SERVICES};
use crate::settings::Settings;

/// What the platform makes anew by itself.
const MADE_ANEW: [&str; 6] = [
    NOTES,
    "troupe.lock",
    "roleplay.holder",
    "models",
    "lost+found",
    ".restore",
];

/// What there is to back up.
pub(super) struct Source {
    pub(super) data_dir: PathBuf,
    /// In the order in which they are locked.
    pub(super) databases: Vec<PathBuf>,
    /// Names of what isn't in it, each with the reason.
    left_out: Vec<String>,
}

impl Source {
    /// Looks what is there.
    ///
    /// # Errors
    /// The folder can't be read or has lost something, or there is nothing in it and no server that has it.
    pub(super) fn find(settings: &Settings) -> Result<Self> {
        let data_dir = settings.data_dir.clone();
        let failed = || format!("the data folder {} can't be read", data_dir.display());
        let mut source = Self {
            data_dir: data_dir.clone(),
            databases: Vec::new(),
            left_out: Vec::new(),
        };
        let on_server = settings.database.url.is_named();
        Made::of(&data_dir, &known(&data_dir)).refuse_lost(settings, &ROLES)?;
        if data_dir.exists() {
            let mut names: Vec<String> = Vec::new();
            for entry in fs::read_dir(&data_dir).with_context(failed)? {
                let entry = entry.with_context(failed)?;
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
            names.sort();
            let storage = Storage::new(&data_dir);
            let databases = SERVICES.iter().map(|s| storage.database_file(s.store()));
            let of_services: Vec<PathBuf> = databases.collect();
            for name in names {
                let path = data_dir.join(&name);
                let is_of_vectors = name.ends_with(VECTORS);
                if of_services.contains(&path) && !on_server || is_of_vectors && is_whole(&path) {
                    source.databases.push(path);
                } else if is_of_vectors {
                    let reason =
                        "isn't whole: run `troupe memory rebuild` where the backup is restored";
                    source.left_out.push(format!("{name}, which {reason}"));
                } else if !is_known(&name, on_server) {
                    source
                        .left_out
                        .push(format!("{name}, which Troupe doesn't use"));
                }
            }
        }
        if source.is_empty() && !on_server {
            bail!(
                "there is nothing to back up in {}: name the data folder with --data-dir",
                data_dir.display()
            );
        }
        Ok(source)
    }

    /// Whether all is on servers.
    pub(super) fn is_empty(&self) -> bool {
        let folders = ["keys", "files"].map(|name| self.data_dir.join(name));
        self.databases.is_empty() && !folders.iter().any(|folder| folder.exists())
    }

    /// About how large the backup gets.
    pub(super) fn size_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        for file in &self.databases {
            bytes += length(file);
            let mut log = file.clone().into_os_string();
            log.push("-wal");
            bytes += length(Path::new(&log));
        }
        for file in files_below(&self.data_dir.join("files"))? {
            bytes += length(&file);
        }
        Ok(bytes)
    }

    /// Copies the keys, which never change.
    pub(super) fn copy_keys(&self, into: &Path, manifest: &mut Manifest) -> Result<()> {
        for file in files_below(&self.data_dir.join("keys"))? {
            let name = file.strip_prefix(&self.data_dir)?;
            manifest
                .files
                .extend(copy_file(&self.data_dir, into, name)?);
        }
        Ok(())
    }

    /// Says what isn't in the backup, and why.
    pub(super) fn tell_what_is_left_out(&self, report: &Report) -> Result<()> {
        if self.data_dir.join("models").exists() {
            report.say("left out: models, which are downloaded again")?;
        }
        for what in &self.left_out {
            report.say(&format!("left out: {what}"))?;
        }
        Ok(())
    }
}

fn is_known(name: &str, on_server: bool) -> bool {
    let is_companion = SERVICES.iter().any(|service| {
        name.strip_prefix(&format!("{}.sqlite", service.store()))
            .is_some_and(|rest| rest.starts_with('-') && !on_server)
    });
    let is_of_vectors = name.contains(VECTORS);
    is_companion || is_of_vectors || ["keys", "files"].contains(&name) || MADE_ANEW.contains(&name)
}

/// Vectors are derived: a broken file of them keeps nobody from a backup.
fn is_whole(file: &Path) -> bool {
    let mut magic = [0; 16];
    let read = fs::File::open(file).and_then(|mut file| {
        use std::io::Read;
        file.read_exact(&mut magic)
    });
    read.is_ok() && magic.starts_with(b"SQLite format 3") && refuse_without_own_log(file).is_ok()
}

fn length(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |metadata| metadata.len())
}

/// All files below a folder, which needn't be there. Links are followed nowhere, and what is being written is left out.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = || format!("{} can't be read", folder.display());
    let mut files = Vec::new();
    let mut folders = Vec::from_iter(folder.is_dir().then(|| folder.to_owned()));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(failed)? {
            let entry = entry.with_context(failed)?;
            let kind = entry.file_type().with_context(failed)?;
            // The store writes a picture under such a name first.
            let is_unfinished = entry.file_name().to_string_lossy().contains('#');
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && !is_unfinished {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}
