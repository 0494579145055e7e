//! Who holds the generations of a data folder. The id stands in a file whose lock is the kernel's and goes with the process:
//! whoever gets the lock knows that the process named in the file is gone, and needn't wait for its lease to run out.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Error, Read, Seek, Write};
use std::path::Path;

use crate::domain::ids::HolderId;

/// The hold on a data folder, for as long as this lives.
#[derive(Debug)]
pub(crate) struct HolderFile {
    _file: File,
    /// Who had the folder before, if that is known.
    pub(crate) predecessor: Option<HolderId>,
}

impl HolderFile {
    /// Takes the data folder, unless another process has it.
    pub(crate) fn claim(data_dir: &Path, id: HolderId) -> Result<Option<Self>, Error> {
        std::fs::create_dir_all(data_dir)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(data_dir.join("roleplay.holder"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(id.to_string().as_bytes())?;
        Ok(Some(Self {
            _file: file,
            predecessor: text.trim().parse().ok(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_who_had_the_folder_once_that_one_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (HolderId::new(), HolderId::new());
        let claim = |id| HolderFile::claim(folder.path(), id).unwrap();
        let held = claim(first).unwrap();
        assert_eq!(held.predecessor, None);
        assert!(claim(second).is_none());
        drop(held);
        assert_eq!(claim(second).unwrap().predecessor, Some(first));
    }
}
