//! The files of the characters' assets: emotions, backgrounds and others, as they were imported.

use service::Host;
use storage::files::{Error, Files};

use crate::domain::ids::AssetFileId;

/// The store of assets.
#[derive(Debug, Clone)]
pub(crate) struct AssetFiles(Files);

impl AssetFiles {
    /// The assets that a host keeps.
    pub(crate) fn open(host: &Host) -> Result<Self, Error> {
        Ok(Self(Files::open(&host.storage(), "roleplay/assets")?))
    }

    /// Stores a file.
    pub(crate) async fn put(&self, id: AssetFileId, bytes: Vec<u8>) -> Result<(), Error> {
        self.0.put(&id.to_string(), bytes).await
    }

    /// A file, if it is there.
    pub(crate) async fn find(&self, id: AssetFileId) -> Result<Option<Vec<u8>>, Error> {
        self.0.find(&id.to_string()).await
    }

    /// Deletes a file. One that is gone already is no error.
    pub(crate) async fn delete(&self, id: AssetFileId) -> Result<(), Error> {
        self.0.delete(&id.to_string()).await
    }
}
