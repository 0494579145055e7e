//! Which databases a data folder has had: the folder `stores` in it has a note for each. So one that was lost is told from one
//! that a start has yet to make, such as that of a service that this version is the first to have.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use storage::Storage;
use storage::database::sqlite::FileError;

use crate::services::SERVICES;

/// The folder of notes.
pub(crate) const NOTES: &str = "stores";
/// What a note says.
const TEXT: &str = "The database of this name was made in the folder above. While this note is here, a lost database isn't made anew.\n";

/// Notes that databases were made, so that it is known for sure before anything in them is acknowledged.
///
/// # Errors
/// The folder can't be written.
pub(crate) fn note<'s>(
    data_dir: &Path,
    stores: impl IntoIterator<Item = &'s str>,
) -> io::Result<()> {
    let new: Vec<&str> = stores
        .into_iter()
        .filter(|store| !has_had(data_dir, store))
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    let notes = data_dir.join(NOTES);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&notes)?;
    for store in new {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut note = options.open(notes.join(store))?;
        note.write_all(TEXT.as_bytes())?;
        note.sync_all()?;
    }
    sync(&notes)?;
    sync(data_dir)
}

/// Has the names in a folder on the disk for sure, where its file system can do that.
fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

/// Notes what a folder had of before there were notes, or before it was copied without them: by the roles that were ready on it,
/// and by keys, which come after databases. Where no database is there, all that was with a server.
///
/// # Errors
/// The folder can't be written.
pub(crate) fn note_known(data_dir: &Path, known: &[String]) -> io::Result<()> {
    let is_in_files = || stores().any(|store| database_file(data_dir, store).exists());
    if data_dir.join(NOTES).exists() || !is_in_files() {
        return Ok(());
    }
    let storage = Storage::new(data_dir);
    let was_made = |store: &&str| {
        known.iter().any(|role| role == store) || storage.page_key_file(store).exists()
    };
    note(data_dir, stores().filter(was_made))
}

/// Whether a database was made in the folder.
pub(crate) fn has_had(data_dir: &Path, store: &str) -> bool {
    data_dir.join(NOTES).join(store).exists()
}

/// Refuses a folder that has lost one of these databases.
///
/// # Errors
/// Names the first one, and says what to do.
pub(crate) fn refuse_lost<'s>(
    data_dir: &Path,
    stores: impl IntoIterator<Item = &'s str>,
) -> Result<(), FileError> {
    let mut stores = stores.into_iter();
    let is_lost =
        |store: &&str| has_had(data_dir, store) && !database_file(data_dir, store).exists();
    match stores.find(is_lost) {
        None => Ok(()),
        Some(store) => Err(FileError::Lost {
            file: database_file(data_dir, store),
            note: data_dir.join(NOTES).join(store),
        }),
    }
}

/// The stores of all services.
pub(crate) fn stores() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().map(|service| service.store())
}

fn database_file(data_dir: &Path, store: &str) -> PathBuf {
    Storage::new(data_dir).database_file(store)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder_with(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(dir.path().join(file), "something").unwrap();
        }
        dir
    }

    fn known(roles: &[&str]) -> Vec<String> {
        roles.iter().map(|role| (*role).to_owned()).collect()
    }

    #[test]
    fn a_database_is_lost_only_where_it_was_made_before() {
        let dir = folder_with(&["users.sqlite"]);
        note(dir.path(), ["users", "ai"]).unwrap();
        note(dir.path(), ["users"]).unwrap();
        let error = refuse_lost(dir.path(), stores()).unwrap_err().to_string();
        assert!(error.contains("ai.sqlite is missing"), "{error}");
        // A process that doesn't have the role needs no such file, and a service that is new has yet to make its own.
        refuse_lost(dir.path(), ["users", "roleplay"]).unwrap();
        fs::remove_file(dir.path().join(NOTES).join("ai")).unwrap();
        refuse_lost(dir.path(), stores()).unwrap();
    }

    #[test]
    fn a_folder_of_before_there_were_notes_gets_them_by_what_it_knows() {
        let dir = folder_with(&["ai.sqlite"]);
        note_known(dir.path(), &known(&["ai", "gateway", "users"])).unwrap();
        let error = refuse_lost(dir.path(), stores()).unwrap_err().to_string();
        assert!(error.contains("users.sqlite is missing"), "{error}");
        assert!(!has_had(dir.path(), "roleplay") && !has_had(dir.path(), "gateway"));
        // What was taken back isn't noted again.
        fs::remove_file(dir.path().join(NOTES).join("users")).unwrap();
        note_known(dir.path(), &known(&["users"])).unwrap();
        refuse_lost(dir.path(), stores()).unwrap();

        let copied = folder_with(&["ai.sqlite"]);
        fs::create_dir(copied.path().join("keys")).unwrap();
        fs::write(copied.path().join("keys/roleplay-page.key"), "key").unwrap();
        note_known(copied.path(), &[]).unwrap();
        assert!(has_had(copied.path(), "roleplay") && !has_had(copied.path(), "users"));

        let of_a_server = folder_with(&[]);
        note_known(of_a_server.path(), &known(&["users", "ai"])).unwrap();
        assert!(!of_a_server.path().join(NOTES).exists());
    }
}
