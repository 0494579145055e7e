//! The files of services, as they were at a moment. A file never changes under its name; it is stored before the row that
//! names it, and deleted after it. So copies that were made before the moment are good, as long as the file was there at it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::folder::files_below;
use super::manifest::{Entry, hex, write_private};
use super::report::Report;
use super::target::unwritable;

/// What may be left to copy while writers wait.
const FEW: usize = 32;
const FEW_BYTES: u64 = 16 << 20;
const CHUNK: usize = 1 << 20;

/// Copies of files.
pub(super) struct Pictures {
    data_dir: PathBuf,
    into: PathBuf,
    /// By their names in the data folder.
    copied: BTreeMap<PathBuf, Entry>,
}

impl Pictures {
    pub(super) fn new(data_dir: &Path, into: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            into: into.to_owned(),
            copied: BTreeMap::new(),
        }
    }

    /// Copies what isn't copied yet. True if that was much, so that by now there may be much again.
    pub(super) fn catch_up(&mut self, report: &Report, stop: &CancellationToken) -> Result<bool> {
        let missing = self.missing()?;
        let much = !are_few(&missing);
        for file in missing {
            if stop.is_cancelled() {
                bail!("stopped; nothing is left behind");
            }
            let copied = self.copy(&file)?;
            report.add(copied);
        }
        Ok(much)
    }

    /// While nobody writes: copies the few that are new, and forgets those that are gone. False if they aren't few.
    pub(super) fn settle(&mut self) -> Result<bool> {
        let missing = self.missing()?;
        if !are_few(&missing) {
            return Ok(false);
        }
        for file in missing {
            self.copy(&file)?;
        }
        let there = self.there()?;
        let (into, copied) = (&self.into, &mut self.copied);
        let gone: Vec<PathBuf> = copied
            .keys()
            .filter(|name| there.binary_search(name).is_err())
            .cloned()
            .collect();
        for name in gone {
            copied.remove(&name);
            std::fs::remove_file(into.join(name)).context("a copy can't be taken away")?;
        }
        Ok(true)
    }

    pub(super) fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.copied.into_values()
    }

    fn there(&self) -> Result<Vec<PathBuf>> {
        let mut names = Vec::new();
        for file in files_below(&self.data_dir.join("files"))? {
            names.push(file.strip_prefix(&self.data_dir)?.to_owned());
        }
        names.sort();
        Ok(names)
    }

    fn missing(&self) -> Result<Vec<PathBuf>> {
        let mut names = self.there()?;
        names.retain(|name| !self.copied.contains_key(name));
        Ok(names
            .into_iter()
            .map(|name| self.data_dir.join(name))
            .collect())
    }

    fn copy(&mut self, file: &Path) -> Result<u64> {
        let name = file.strip_prefix(&self.data_dir)?.to_owned();
        let Some(entry) = copy_file(&self.data_dir, &self.into, &name)? else {
            return Ok(0);
        };
        let copied = entry.size_bytes;
        self.copied.insert(name, entry);
        Ok(copied)
    }
}

fn are_few(files: &[PathBuf]) -> bool {
    let bytes = || -> u64 {
        let lengths = files.iter().map(|file| file.metadata());
        lengths.map(|file| file.map_or(0, |file| file.len())).sum()
    };
    files.len() <= FEW && bytes() <= FEW_BYTES
}

/// Copies a file under its name from a folder into another one, for its owner alone, and has it on the disk for sure; `None`
/// where it is gone meanwhile.
pub(crate) fn copy_file(from: &Path, into: &Path, name: &Path) -> Result<Option<Entry>> {
    let (source, target) = (from.join(name), into.join(name));
    let copied = copy(&source, &target).map_err(|error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => unwritable(into, &error),
        _ => anyhow!(
            "{} can't be copied to {} ({error}): make sure that the first can be read and the second written",
            source.display(),
            target.display()
        ),
    });
    let entry = copied?.map(|(size_bytes, sha256)| Entry {
        path: name.to_string_lossy().into_owned(),
        size_bytes,
        sha256,
    });
    Ok(entry)
}

/// Gives the length and the hash.
fn copy(source: &Path, target: &Path) -> io::Result<Option<(u64, String)>> {
    let mut source = match File::open(source) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut target = write_private(target)?;
    let (mut hash, mut size_bytes, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let read = source.read(&mut chunk)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        hash.update(bytes);
        target.write_all(bytes)?;
        size_bytes += read as u64;
    }
    target.sync_all()?;
    Ok(Some((size_bytes, hex(&hash.finalize()))))
}
