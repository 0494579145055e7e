//! The characters' pictures: a PNG file each, under the character's id.

use std::path::Path;
use std::sync::Arc;

use object_store::path::Path as Key;
use object_store::{Error, ObjectStore, ObjectStoreExt};

use crate::domain::ids::CharacterId;

/// The store of pictures.
#[derive(Debug, Clone)]
pub(crate) struct Avatars(Arc<dyn ObjectStore>);

impl Avatars {
    /// The pictures in a folder, which is made if need be.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        Ok(Self(platform::files::open(folder)?))
    }

    /// Stores a character's picture.
    pub(crate) async fn put(&self, id: CharacterId, png: Vec<u8>) -> Result<(), Error> {
        self.0.put(&key(id), png.into()).await.map(drop)
    }

    /// A character's picture, if it has one.
    pub(crate) async fn find(&self, id: CharacterId) -> Result<Option<Vec<u8>>, Error> {
        match self.0.get(&key(id)).await {
            Ok(found) => Ok(Some(found.bytes().await?.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes a character's picture. One that is gone already is no error.
    pub(crate) async fn delete(&self, id: CharacterId) -> Result<(), Error> {
        match self.0.delete(&key(id)).await {
            Err(Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn key(id: CharacterId) -> Key {
    Key::from(format!("{id}.png"))
}
