//! Puts the files of a backup in the place of a data folder's, all or none. They are first gathered in a folder inside the data
//! folder, because that may be a disk of its own. Then a note says what moves where. Once the note is there, the next start
//! finishes an interrupted restore. Before, the next start finds what there was; where there was nothing, it says that the restore
//! was cut off, and begins no new platform in its place.

use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
use serde::{Deserialize, Serialize};

use crate::backup::{sync_folder, unwritable, write_private};
use crate::instance::{find, make_private};
use crate::made::NOTES;

/// Inside the data folder.
const STAGE: &str = ".restore";
const NEW: &str = "new";
const NOTE: &str = "note.json";
const NOTE_BEING_WRITTEN: &str = "note.partial";
/// What folders begin with in which earlier contents are.
const ASIDE: &str = "replaced-";
/// What is neither restored nor in the way.
const BESIDE: [&str; 4] = ["troupe.lock", "models", "lost+found", STAGE];

/// What is to be done. Doing it again does no harm.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    aside: String,
    old: Vec<String>,
    new: Vec<String>,
}

/// Files on their way into a data folder. Before the note is written, all of it goes with this.
pub(super) struct Swap {
    data_dir: PathBuf,
    new: PathBuf,
    is_noted: bool,
    /// Whether one before was cut off, which is still to be told if this one fails.
    follows_another: bool,
}

/// How far a restore has come that was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfinished {
    /// It gathered files for a folder that has others, or had put all of them in place.
    BesideOld,
    /// It gathered files for a folder that has none.
    Alone,
    /// It put files in place.
    Noted,
}

/// That a restore is to come, for the next start to know, also where this ends before the restore has the data folder. It goes again
/// with this.
pub(super) struct Announced {
    stage: PathBuf,
    is_first: bool,
}

impl Announced {
    /// Makes the folder in which files will be gathered, unless there is one. Where it can't be made, whoever takes the data folder
    /// says why.
    pub(super) fn make(data_dir: &Path) -> Self {
        let stage = data_dir.join(STAGE);
        let mut private = DirBuilder::new();
        private.mode(0o700);
        let make = || make_private(data_dir).and_then(|()| private.create(&stage));
        // Who has the folder now refuses the restore.
        let is_first = find(data_dir).is_none() && make().is_ok();
        Self { stage, is_first }
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if self.is_first {
            // Somebody else's has files in it, and stays.
            let _gone = fs::remove_dir(&self.stage);
        }
    }
}

impl Swap {
    /// Makes a folder to gather files in, once this process has the data folder.
    pub(super) fn begin(data_dir: &Path, mut announced: Announced) -> Result<Self> {
        let stage = data_dir.join(STAGE);
        let swap = Self {
            data_dir: data_dir.to_owned(),
            new: stage.join(NEW),
            is_noted: false,
            follows_another: !std::mem::take(&mut announced.is_first) && stage.exists(),
        };
        let begun = empty(&stage).and_then(|()| {
            let mut private = DirBuilder::new();
            private.recursive(true).mode(0o700).create(&swap.new)
        });
        begun.map_err(|error| unwritable(data_dir, &error))?;
        Ok(swap)
    }

    /// Where the files are gathered.
    pub(super) fn folder(&self) -> &Path {
        &self.new
    }

    /// Puts them in place, and tells where what was there is now.
    pub(super) fn commit(mut self, now: &str) -> Result<Option<PathBuf>> {
        let stage = self.data_dir.join(STAGE);
        let failed = |error: std::io::Error| unwritable(&self.data_dir, &error);
        sync_folder(&self.new).map_err(failed)?;
        let old = occupants(&self.data_dir)?;
        let old: Vec<String> = old.into_iter().filter(|name| is_ours(name)).collect();
        let note = Note {
            aside: free_name(&self.data_dir, &format!("{ASIDE}{now}")),
            new: names(&self.new)?,
            old,
        };
        let being_written = stage.join(NOTE_BEING_WRITTEN);
        let written = write_private(&being_written).and_then(|mut file| {
            file.write_all(serde_json::to_string(&note)?.as_bytes())?;
            file.sync_all()?;
            fs::rename(&being_written, stage.join(NOTE))?;
            sync(&stage)
        });
        // It may be in place although the disk doesn't say so.
        self.is_noted = stage.join(NOTE).exists();
        written.map_err(failed)?;
        finish(&self.data_dir, &note)?;
        let aside = self.data_dir.join(&note.aside);
        Ok(Some(aside).filter(|_| !note.old.is_empty()))
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        let stage = self.data_dir.join(STAGE);
        // Where something stays, the next restore removes it.
        let _gone = match (self.is_noted, self.follows_another) {
            (true, _) => Ok(()),
            (false, true) => empty(&stage),
            (false, false) => fs::remove_dir_all(&stage),
        };
    }
}

/// Removes what is in a folder, and leaves the folder.
fn empty(folder: &Path) -> std::io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

/// Where a restore was interrupted, if one was.
///
/// # Errors
/// The folder can't be read.
pub(crate) fn unfinished(data_dir: &Path) -> Result<Option<Unfinished>> {
    let stage = data_dir.join(STAGE);
    if !stage.exists() {
        return Ok(None);
    }
    if stage.join(NOTE).exists() {
        return Ok(Some(Unfinished::Noted));
    }
    let has_old = names(data_dir)?.iter().any(|name| is_ours(name));
    Ok(Some(match has_old {
        true => Unfinished::BesideOld,
        false => Unfinished::Alone,
    }))
}

/// Deals with a restore that was interrupted, before a folder is used. To be called by who has the folder. True if it put files in
/// place, which is done now.
///
/// # Errors
/// It was to fill an empty folder, and isn't done; or the folder can't be written.
pub(crate) fn finish_interrupted(data_dir: &Path) -> Result<bool> {
    let stage = data_dir.join(STAGE);
    match unfinished(data_dir)? {
        None => Ok(false),
        Some(Unfinished::Noted) => finish_noted(data_dir),
        Some(Unfinished::BesideOld) => {
            tracing::warn!(
                "what a restore left that was cut off is removed: it had changed nothing, or was done"
            );
            // Where it stays, the next start or restore removes it.
            let _gone = fs::remove_dir_all(stage);
            Ok(false)
        }
        Some(Unfinished::Alone) => bail!(
            "a restore into {} was cut off before it had put anything in place: run `troupe restore` again, or remove {} to start with no data",
            data_dir.display(),
            stage.display()
        ),
    }
}

/// Finishes a restore that was interrupted while it put files in place. False if none was.
///
/// # Errors
/// The folder can't be written.
pub(super) fn finish_noted(data_dir: &Path) -> Result<bool> {
    if !data_dir.join(STAGE).join(NOTE).exists() {
        return Ok(false);
    }
    let file = data_dir.join(STAGE).join(NOTE);
    let failed = || {
        format!(
            "a restore of {} was interrupted and can't be finished",
            data_dir.display()
        )
    };
    let note = fs::read(&file).with_context(failed)?;
    let note: Note = serde_json::from_slice(&note).with_context(failed)?;
    finish(data_dir, &note).with_context(failed)?;
    Ok(true)
}

fn finish(data_dir: &Path, note: &Note) -> Result<()> {
    let stage = data_dir.join(STAGE);
    let moved = move_all(data_dir, &stage.join(NEW), note).and_then(|()| {
        // Without the note the rest is of no meaning.
        fs::remove_file(stage.join(NOTE))?;
        sync(&stage)?;
        fs::remove_dir_all(&stage)?;
        sync(data_dir)
    });
    moved.map_err(|error| unwritable(data_dir, &error))
}

/// First all that was there, so that no old log is ever beside a new file.
fn move_all(data_dir: &Path, new: &Path, note: &Note) -> std::io::Result<()> {
    let aside = data_dir.join(&note.aside);
    for name in &note.old {
        let is_in_place = note.new.contains(name) && !new.join(name).exists();
        if is_in_place || !data_dir.join(name).exists() {
            continue;
        }
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700).create(&aside)?;
        fs::rename(data_dir.join(name), aside.join(name))?;
    }
    if aside.exists() {
        sync(&aside)?;
    }
    sync(data_dir)?;
    for name in &note.new {
        if new.join(name).exists() {
            fs::rename(new.join(name), data_dir.join(name))?;
        }
    }
    sync(data_dir)
}

/// What of a data folder is in the way of a restore.
pub(super) fn occupants(data_dir: &Path) -> Result<Vec<String>> {
    let mut names = names(data_dir)?;
    names.retain(|name| !BESIDE.contains(&name.as_str()) && !name.starts_with(ASIDE));
    Ok(names)
}

/// Refuses a folder in which something can't be moved aside, because another disk or folder is mounted there.
pub(super) fn refuse_mounts(data_dir: &Path) -> Result<()> {
    for name in occupants(data_dir)? {
        let place = data_dir.join(&name);
        if is_ours(&name) && is_mount(&place) {
            bail!(
                "{} is a mount point, which can't be put aside: unmount it for the restore, or choose another folder with --data-dir",
                place.display()
            );
        }
    }
    Ok(())
}

fn is_mount(place: &Path) -> bool {
    let looked = statx(CWD, place, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty());
    looked.is_ok_and(|it| it.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// What the platform made. Things of others stay where they are.
fn is_ours(name: &str) -> bool {
    name.contains(".sqlite") || ["keys", "files", NOTES, "roleplay.holder"].contains(&name)
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let failed = || format!("{} can't be read", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn free_name(folder: &Path, wanted: &str) -> String {
    let wanted = wanted.replace(':', "-");
    let mut name = wanted.clone();
    let mut count = 1;
    while folder.join(&name).exists() {
        count += 1;
        name = format!("{wanted}-{count}");
    }
    name
}

fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data_folder() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir_all(data.join("keys")).unwrap();
        for name in [
            "users.sqlite",
            "users.sqlite-wal",
            "keys/a.key",
            "notes.txt",
        ] {
            fs::write(data.join(name), format!("old {name}")).unwrap();
        }
        (dir, data)
    }

    fn staged(data: &Path) -> Swap {
        let swap = Swap::begin(data, Announced::make(data)).unwrap();
        for name in ["users.sqlite", "ai.sqlite"] {
            fs::write(swap.folder().join(name), format!("new {name}")).unwrap();
        }
        swap
    }

    fn assert_is_restored(data: &Path) {
        let there = names(data).unwrap();
        let read = |name: &str| fs::read_to_string(data.join(name)).unwrap();
        assert_eq!(read("users.sqlite"), "new users.sqlite");
        assert_eq!(read("ai.sqlite"), "new ai.sqlite");
        assert_eq!(read("notes.txt"), "old notes.txt");
        assert_eq!(
            there,
            ["ai.sqlite", "notes.txt", "replaced-then", "users.sqlite"]
        );
        for name in ["users.sqlite", "users.sqlite-wal", "keys/a.key"] {
            let aside = read(&format!("replaced-then/{name}"));
            assert_eq!(aside, format!("old {name}"));
        }
    }

    #[test]
    fn puts_files_in_place_and_what_was_there_aside() {
        let (_dir, data) = data_folder();
        let aside = staged(&data).commit("then").unwrap();
        assert_eq!(aside, Some(data.join("replaced-then")));
        assert_is_restored(&data);
        assert!(!finish_interrupted(&data).unwrap());
    }

    #[test]
    fn leaves_the_folder_as_it_was_without_a_note() {
        let (_dir, data) = data_folder();
        let before = names(&data).unwrap();
        drop(staged(&data));
        assert_eq!(names(&data).unwrap(), before);
        std::mem::forget(staged(&data));
        assert!(!finish_interrupted(&data).unwrap());
        assert_eq!(names(&data).unwrap(), before);
        assert_eq!(
            fs::read_to_string(data.join("users.sqlite")).unwrap(),
            "old users.sqlite"
        );
    }

    #[test]
    fn tells_of_one_that_was_cut_off_where_nothing_was_before() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path();
        fs::create_dir(data.join("models")).unwrap();
        std::mem::forget(staged(data));
        let refused = || finish_interrupted(data).unwrap_err().to_string();
        assert!(refused().contains("run `troupe restore` again"));
        // One that fails, whatever it says, leaves that to be told.
        drop(staged(data));
        assert!(refused().contains(&data.join(STAGE).display().to_string()));
        staged(data).commit("then").unwrap();
        assert_eq!(unfinished(data).unwrap(), None);
        assert!(!finish_interrupted(data).unwrap() && data.join("users.sqlite").exists());
    }

    #[test]
    fn one_that_fails_leaves_no_trace_of_itself() {
        let dir = tempfile::tempdir().unwrap();
        drop(staged(dir.path()));
        drop(Announced::make(dir.path()));
        assert_eq!(unfinished(dir.path()).unwrap(), None);
    }

    #[test]
    fn is_known_from_its_first_moment_on() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("new");
        std::mem::forget(Announced::make(&data));
        assert_eq!(names(&data).unwrap(), [STAGE]);
        let refused = finish_interrupted(&data).unwrap_err().to_string();
        assert!(refused.contains("run `troupe restore` again"), "{refused}");
        // What another gathers isn't taken away by who comes too late.
        let other = staged(&data);
        drop(Announced::make(&data));
        assert!(other.folder().join("users.sqlite").exists());
    }

    /// Interrupts after each of the moves that there are, and finishes.
    #[test]
    fn finishes_wherever_it_was_interrupted() {
        let moves = [
            ("users.sqlite", "replaced-then/users.sqlite"),
            ("users.sqlite-wal", "replaced-then/users.sqlite-wal"),
            ("keys", "replaced-then/keys"),
            (".restore/new/users.sqlite", "users.sqlite"),
            (".restore/new/ai.sqlite", "ai.sqlite"),
        ];
        for done in 0..=moves.len() {
            let (_dir, data) = data_folder();
            std::mem::forget(staged(&data));
            let note = Note {
                aside: "replaced-then".to_owned(),
                old: ["keys", "users.sqlite", "users.sqlite-wal"]
                    .map(str::to_owned)
                    .to_vec(),
                new: ["ai.sqlite", "users.sqlite"].map(str::to_owned).to_vec(),
            };
            let note = serde_json::to_vec(&note).unwrap();
            fs::write(data.join(STAGE).join(NOTE), note).unwrap();
            for (from, to) in moves.iter().take(done) {
                fs::create_dir_all(data.join("replaced-then")).unwrap();
                fs::rename(data.join(from), data.join(to)).unwrap();
            }
            assert_eq!(unfinished(&data).unwrap(), Some(Unfinished::Noted));
            assert!(finish_interrupted(&data).unwrap());
            assert_is_restored(&data);
            assert!(!finish_interrupted(&data).unwrap());
        }
    }
}
