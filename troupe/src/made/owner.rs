//! What of a data folder says that it is of another platform, or doesn't say it any more.

use std::fs;
use std::path::Path;

use mesh::Role;
use storage::Owner;
use storage::database::sqlite::FileError;

use super::{Made, what_is};
use crate::settings::Settings;

impl Made {
    /// Refuses a database, or a folder of files, of another platform. This process has no database open.
    ///
    /// # Errors
    /// It says that it is one.
    pub(crate) fn refuse_strange(&self, file: &Path) -> Result<(), FileError> {
        let said = match file.is_dir() {
            true => Owner::of_folder(file),
            false => Owner::of_database(file),
        };
        match (said, self.owner) {
            (Some(said), Some(owner)) if said != owner => Err(FileError::Strange {
                file: file.to_owned(),
            }),
            // One of before is taken in, and so is all of a folder that says nothing itself.
            _ => Ok(()),
        }
    }

    /// The same for the folders of files that some roles need. Where a server has the databases, they may come from elsewhere.
    pub(super) fn refuse_strange_folders(
        &self,
        settings: &Settings,
        roles: &[Role],
    ) -> Result<(), FileError> {
        if settings.database.url.is_named() {
            return Ok(());
        }
        let names = self.names.iter();
        let needed = names.filter_map(|name| what_is(&self.data_dir, name, settings, roles));
        let mut folders = needed.filter(|(file, _)| file.is_dir());
        folders.try_for_each(|(folder, _)| self.refuse_strange(&folder))
    }

    /// Whether somebody emptied a folder: it doesn't say whose it is, though all of the data folder does.
    pub(super) fn was_emptied(&self, folder: &Path, settings: &Settings) -> bool {
        let is_empty = || fs::read_dir(folder).is_ok_and(|mut files| files.next().is_none());
        !settings.database.url.is_named() && Owner::noted(&self.data_dir).is_some() && is_empty()
    }
}
