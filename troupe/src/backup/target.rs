//! The folder that becomes the backup. It is written under another name and gets its own at the very end, so that it is whole
//! or not there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::statvfs;
use storage::database::sqlite::FileError;

use super::manifest::sync_folder;
use super::report::mebibytes;

/// What the names of folders end in that are being written.
const PARTIAL: &str = ".partial";
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
        refuse_inside(parent, &dir, data_dir)?;
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        let made = private.create(parent).and_then(|()| parent.canonicalize());
        let parent = made.map_err(|error| unwritable(&dir, &error))?;
        refuse_inside(&parent, &parent.join(name), data_dir)?;
        let partial = parent.join(format!(".{}{PARTIAL}", name.to_string_lossy()));
        let _turn = turn_in(&parent);
        refuse_used(&dir, &parent)?;
        if partial.exists() {
            remove_left_over(&partial, &dir)?;
        }
        remove_left_overs(&parent);
        let lock = begin(&partial).map_err(|error| unwritable(&dir, &error))?;
        Ok(Self {
            dir: parent.join(name),
            partial,
            is_finished: false,
            _lock: lock,
        })
    }

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
        self.put_in_place()
            .map_err(|error| unwritable(&self.dir, &error))?;
        self.is_finished = true;
        Ok(self.dir.clone())
    }

    fn put_in_place(&self) -> io::Result<()> {
        let parent = self.partial.parent().unwrap_or(Path::new("/"));
        sync_folder(&self.partial)?;
        let _turn = turn_in(parent);
        fs::remove_file(self.partial.join(UNFINISHED))?;
        File::open(&self.partial)?.sync_all()?;
        fs::rename(&self.partial, &self.dir)?;
        File::open(parent)?.sync_all()
    }

    /// Why it can't be written.
    pub(super) fn unwritable(&self, error: &io::Error) -> anyhow::Error {
        unwritable(&self.dir, error)
    }

    /// What a failed copy of a database means for the person who wants the backup.
    pub(super) fn told(&self, error: FileError) -> anyhow::Error {
        match error {
            FileError::Full { file } if file.starts_with(&self.partial) => full(&self.dir),
            error => error.into(),
        }
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

/// The turn to make, remove or rename backups in a folder: two that begin at the same moment would each take what the other
/// makes for a left-over. Where a folder can't be locked, as on some networks, nobody has to wait for it.
fn turn_in(parent: &Path) -> Option<File> {
    let parent = File::open(parent).ok()?;
    parent.lock().is_ok().then_some(parent)
}

/// Makes the folder to write into, with the lock that tells that somebody does.
fn begin(partial: &Path) -> io::Result<File> {
    DirBuilder::new().mode(0o700).create(partial)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let lock = options.open(partial.join(UNFINISHED))?;
    lock.try_lock()?;
    Ok(lock)
}

/// Why a folder can't be written, and what to do.
pub(crate) fn unwritable(folder: &Path, error: &io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => full(folder),
        _ => anyhow!(
            "{} can't be written ({error}): make sure that it can be written, or choose another folder",
            folder.display()
        ),
    }
}

fn full(folder: &Path) -> anyhow::Error {
    anyhow!(
        "the disk of {} is full: make room there, or choose another folder",
        folder.display()
    )
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

/// Removes what backups to other names beside it left that were killed: where each has the name of its day, nobody else would.
fn remove_left_overs(parent: &Path) {
    let beside = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in beside {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_partial = name.starts_with('.') && name.ends_with(PARTIAL);
        let place = entry.path();
        if is_partial && place.join(UNFINISHED).is_file() && !is_being_written(&place) {
            // Where it stays, it does no harm but for the room that it takes.
            let _gone = fs::remove_dir_all(place);
        }
    }
}

fn is_being_written(partial: &Path) -> bool {
    let lock = OpenOptions::new()
        .write(true)
        .open(partial.join(UNFINISHED));
    lock.is_ok_and(|lock| lock.try_lock().is_err())
}

/// Removes what a backup to the same place left that was killed.
fn remove_left_over(partial: &Path, dir: &Path) -> Result<()> {
    if is_being_written(partial) {
        bail!(
            "another backup to {} is being made: wait for it, or name another folder",
            dir.display()
        );
    }
    fs::remove_dir_all(partial)
        .with_context(|| format!("{} can't be removed: remove it", partial.display()))
}
