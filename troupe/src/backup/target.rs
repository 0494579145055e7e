//! The folder that becomes the backup. It is written under another name and gets its own at the very end, so that it is whole
//! or not there.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::statvfs;

use super::manifest::sync_folder;
use super::report::mebibytes;

/// Locked while somebody writes the backup.
const UNFINISHED: &str = "unfinished";
/// What the file system needs for itself.
const MARGIN_BYTES: u64 = 4 << 20;

/// A backup that isn't finished. What there is of it goes with this.
pub(super) struct Target {
    dir: PathBuf,
    partial: PathBuf,
    is_finished: bool,
    _lock: File,
}

impl Target {
    /// Makes the folder to write into, beside the one that it becomes.
    ///
    /// # Errors
    /// The place can't be used for a backup; says which can.
    pub(super) fn prepare(dir: &Path, data_dir: &Path) -> Result<Self> {
        let dir = resolve(dir)?;
        let shown = dir.display();
        let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else {
            bail!("{shown} can't be a backup: name a folder inside it");
        };
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        let failed = || format!("{shown} can't be written: name a folder that can");
        refuse_inside(parent, &dir, data_dir)?;
        private.create(parent).with_context(failed)?;
        let parent = parent.canonicalize().with_context(failed)?;
        refuse_inside(&parent, &parent.join(name), data_dir)?;
        refuse_used(&dir, &parent)?;
        let partial = parent.join(format!(".{}.partial", name.to_string_lossy()));
        if partial.exists() {
            remove_left_over(&partial, &dir)?;
        }
        private.create(&partial).with_context(failed)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let lock = options
            .open(partial.join(UNFINISHED))
            .with_context(failed)?;
        lock.try_lock().with_context(failed)?;
        Ok(Self {
            dir: parent.join(name),
            partial,
            is_finished: false,
            _lock: lock,
        })
    }

    /// Where to write.
    pub(super) fn folder(&self) -> &Path {
        &self.partial
    }

    /// Refuses what surely doesn't fit.
    pub(super) fn check_space(&self, needed: u64) -> Result<()> {
        let figures = statvfs(&self.partial).context("the free space isn't known")?;
        let free = figures.f_bavail.saturating_mul(figures.f_frsize);
        if free < needed + MARGIN_BYTES {
            bail!(
                "the disk of {} is too small: the backup takes about {}, and {} are free; make room, or name a folder elsewhere",
                self.dir.display(),
                mebibytes(needed + MARGIN_BYTES),
                mebibytes(free)
            );
        }
        Ok(())
    }

    /// Gives the folder its name, once all of it is on the disk for sure.
    pub(super) fn finish(mut self) -> Result<PathBuf> {
        let failed = || format!("{} can't be written", self.dir.display());
        fs::remove_file(self.partial.join(UNFINISHED)).with_context(failed)?;
        sync_folder(&self.partial).with_context(failed)?;
        fs::rename(&self.partial, &self.dir).with_context(failed)?;
        if let Some(parent) = self.dir.parent() {
            File::open(parent)
                .and_then(|parent| parent.sync_all())
                .with_context(failed)?;
        }
        self.is_finished = true;
        Ok(self.dir.clone())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.is_finished {
            // Where it stays, the next backup to the same place removes it.
            let _gone = fs::remove_dir_all(&self.partial);
        }
    }
}

/// The absolute place, through a link that leads somewhere.
fn resolve(dir: &Path) -> Result<PathBuf> {
    let shown = dir.display();
    match fs::symlink_metadata(dir) {
        Ok(metadata) if metadata.is_symlink() => dir
            .canonicalize()
            .with_context(|| format!("{shown} is a link that leads nowhere: name a folder")),
        _ => std::path::absolute(dir).with_context(|| format!("{shown} can't be a folder")),
    }
}

fn refuse_inside(parent: &Path, dir: &Path, data_dir: &Path) -> Result<()> {
    let data = data_dir.canonicalize();
    let data = data.unwrap_or_else(|_| data_dir.to_owned());
    if parent.starts_with(&data) || dir.starts_with(&data) {
        bail!(
            "{} is inside the data folder {}: name a folder elsewhere, best on another disk",
            dir.display(),
            data_dir.display()
        );
    }
    Ok(())
}

/// Refuses a place where something is already.
fn refuse_used(dir: &Path, parent: &Path) -> Result<()> {
    let shown = dir.display();
    let Ok(metadata) = fs::metadata(dir) else {
        return Ok(());
    };
    if !metadata.is_dir() {
        bail!("{shown} is a file: name a folder that isn't there yet");
    }
    let mut entries = fs::read_dir(dir).with_context(|| format!("{shown} can't be read"))?;
    if entries.next().is_some() {
        bail!("{shown} isn't empty: name a folder that isn't there yet");
    }
    if fs::metadata(parent).is_ok_and(|parent| parent.dev() != metadata.dev()) {
        bail!(
            "{shown} is the root of a disk, which can't be put in place as a whole: name a folder inside it"
        );
    }
    Ok(())
}

/// Removes what a backup to the same place left that was killed.
fn remove_left_over(partial: &Path, dir: &Path) -> Result<()> {
    if let Ok(lock) = File::open(partial.join(UNFINISHED))
        && let Err(TryLockError::WouldBlock) = lock.try_lock()
    {
        bail!(
            "another backup to {} is being made: wait for it, or name another folder",
            dir.display()
        );
    }
    fs::remove_dir_all(partial)
        .with_context(|| format!("{} can't be removed: remove it", partial.display()))
}
