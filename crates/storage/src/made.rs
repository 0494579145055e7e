//! Notes of what was made in a data folder, so that what was lost is told from what is yet to be made. The folder `stores` has one
//! for each: under the name of a service for its database, and under its own path for a key, a folder of files or a file of
//! vectors.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// The folder of notes, in the data folder.
pub const NOTES: &str = "stores";
/// What a note says.
const TEXT: &str = "What this note is named after was made in the data folder. While the note is here, it isn't made anew silently when it is lost.\n";

/// Notes that something was made, so that it is known for sure before anything in it is acknowledged. Noting it again does nothing.
///
/// # Errors
/// The folder can't be written.
pub fn note(data_dir: &Path, name: &Path) -> io::Result<()> {
    match is_noted(data_dir, name) {
        true => Ok(()),
        false => write_note(data_dir, name, TEXT),
    }
}

/// Whether something was noted.
pub(crate) fn is_noted(data_dir: &Path, name: &Path) -> bool {
    data_dir.join(NOTES).join(name).exists()
}

/// Writes a note that says something, and has it on the disk for sure.
pub(crate) fn write_note(data_dir: &Path, name: &Path, text: &str) -> io::Result<()> {
    let file = data_dir.join(NOTES).join(name);
    let folders = file.ancestors().skip(1);
    let folders = || folders.clone().take_while(|folder| *folder != data_dir);
    let mut private = DirBuilder::new();
    private.recursive(true).mode(0o700);
    folders().next().map_or(Ok(()), |own| private.create(own))?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut note = options.open(&file)?;
    note.write_all(text.as_bytes())?;
    note.sync_all()?;
    folders().try_for_each(sync)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_stands_under_the_path_of_what_it_is_of() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["users", "keys/roleplay-address.key", "files/a/b"] {
            for _ in 0..2 {
                note(dir.path(), Path::new(name)).unwrap();
            }
            let text = std::fs::read_to_string(dir.path().join(NOTES).join(name)).unwrap();
            assert_eq!(text, TEXT);
        }
        assert!(note(&dir.path().join("gone"), Path::new("a")).is_ok());
        assert!(note(dir.path(), Path::new("users/a")).is_err());
    }
}
