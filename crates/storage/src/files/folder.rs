//! A folder.

use std::io;
use std::path::Path;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::{Error, ObjectStore};

/// Opens a folder, making it if need be. A file is on the disk, under its name, before it is acknowledged: its row may be.
pub(super) fn open(folder: &Path) -> Result<Arc<dyn ObjectStore>, Error> {
    std::fs::create_dir_all(folder).map_err(failed)?;
    Ok(Arc::new(
        LocalFileSystem::new_with_prefix(folder)?
            .with_automatic_cleanup(true)
            .with_fsync(true),
    ))
}

/// Whether anything is in a folder.
pub(super) fn has_files(folder: &Path) -> io::Result<bool> {
    Ok(std::fs::read_dir(folder)?.next().is_some())
}

/// An error of the system as one of the store.
pub(super) fn failed(error: io::Error) -> Error {
    Error::Generic {
        store: "local folder",
        source: Box::new(error),
    }
}
