//! Files that services keep, such as avatars: a local folder behind `object_store`.

use std::path::Path;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

/// Opens a folder as an object store, making it if need be.
pub fn open(folder: &Path) -> Result<Arc<dyn ObjectStore>, object_store::Error> {
    std::fs::create_dir_all(folder).map_err(|e| object_store::Error::Generic {
        store: "local folder",
        source: Box::new(e),
    })?;
    Ok(Arc::new(
        LocalFileSystem::new_with_prefix(folder)?.with_automatic_cleanup(true),
    ))
}
