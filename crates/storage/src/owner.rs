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

    /// Notes it for a data folder.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn note(self, data_dir: &Path) -> io::Result<()> {
        match Self::noted(data_dir) == Some(self) {
            true => Ok(()),
            false => write_note(data_dir, Path::new(NAME), &self.text()),
        }
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
