//! Whose the parts of a data folder are. A platform has a number: each of its databases has it in its header, each of its folders of
//! files in a file, and the data folder in a note. So what is of another platform isn't taken for its own.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rand::Rng;

use crate::database::sqlite::application_id;
use crate::made::{NOTES, write_note};

/// The file of a folder of files, and the note of a data folder. A name that `*` takes along, so that a folder that somebody emptied
/// hasn't got it any more.
pub(crate) const NAME: &str = "platform";

/// The number of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner(NonZeroU32);

impl Owner {
    /// The number of a new platform. It is positive also as SQLite reads it.
    #[must_use]
    pub fn generate() -> Self {
        Self(NonZeroU32::MIN | rand::rng().next_u32() >> 1)
    }

    /// What a database says that no process has open; none where it says nothing.
    pub fn of_database(file: &Path) -> Option<Self> {
        NonZeroU32::new(application_id(file)?).map(Self)
    }

    /// What a folder of files says.
    pub fn of_folder(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join(NAME)).ok()?;
        text.trim().parse().ok().map(Self)
    }

    /// What a data folder's note says.
    pub fn noted(data_dir: &Path) -> Option<Self> {
        Self::of_folder(&data_dir.join(NOTES))
    }

    /// Notes it for a data folder. Folders of files that were made before say it from then on too, also those of roles that don't run
    /// now: once it is noted, one that doesn't say it was emptied.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn note(self, data_dir: &Path) -> io::Result<()> {
        if Self::noted(data_dir) == Some(self) {
            return Ok(());
        }
        self.mark_noted(data_dir, Path::new("files"))?;
        write_note(data_dir, Path::new(NAME), &self.text())
    }

    /// Marks the folders below one that notes name.
    fn mark_noted(self, data_dir: &Path, below: &Path) -> io::Result<()> {
        let notes = match fs::read_dir(data_dir.join(NOTES).join(below)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            notes => notes?,
        };
        for note in notes {
            let note = note?;
            let name = below.join(note.file_name());
            if note.file_type()?.is_dir() {
                self.mark_noted(data_dir, &name)?;
                continue;
            }
            let folder = data_dir.join(name);
            if folder.is_dir() && Self::of_folder(&folder).is_none() {
                self.mark(&folder)?;
            }
        }
        Ok(())
    }

    /// Has a folder of files say it.
    pub(crate) fn mark(self, folder: &Path) -> io::Result<()> {
        if Self::of_folder(folder) == Some(self) {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(folder.join(NAME))?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()
    }

    pub(crate) fn number(self) -> u32 {
        self.0.get()
    }

    fn text(self) -> String {
        format!("{}\n", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made::note;

    #[test]
    fn folders_that_were_made_before_say_whose_they_are_once_it_is_noted() {
        let dir = tempfile::tempdir().unwrap();
        let (made, gone) = ("files/roleplay/avatars", "files/roleplay/assets");
        fs::create_dir_all(dir.path().join(made)).unwrap();
        note(dir.path(), Path::new(made)).unwrap();
        note(dir.path(), Path::new(gone)).unwrap();
        let owner = Owner::generate();
        owner.note(dir.path()).unwrap();
        assert_eq!(Owner::of_folder(&dir.path().join(made)), Some(owner));
        assert!(!dir.path().join(gone).exists());
        // Later, one that says nothing was emptied, and isn't marked again.
        fs::remove_file(dir.path().join(made).join(NAME)).unwrap();
        owner.note(dir.path()).unwrap();
        assert_eq!(Owner::of_folder(&dir.path().join(made)), None);
    }
}
