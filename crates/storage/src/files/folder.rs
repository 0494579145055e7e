//! A folder.

use std::path::Path;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::{Error, ObjectStore};

/// Opens a folder, making it if need be. A file is on the disk, under its name, before it is acknowledged: its row may be.
pub(super) fn open(folder: &Path) -> Result<Arc<dyn ObjectStore>, Error> {
    std::fs::create_dir_all(folder).map_err(|e| Error::Generic {
        store: "local folder",
        source: Box::new(e),
    })?;
    Ok(Arc::new(
        LocalFileSystem::new_with_prefix(folder)?
            .with_automatic_cleanup(true)
            .with_fsync(true),
    ))
}
