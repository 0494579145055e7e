//! The characters' pictures: a PNG file each, under the character's id.

use service::Host;
use storage::files::{Error, Files};

use crate::domain::ids::CharacterId;

/// The store of pictures.
#[derive(Debug, Clone)]
pub(crate) struct Avatars(Files);

impl Avatars {
    /// The pictures that a host keeps.
    pub(crate) fn open(host: &Host) -> Result<Self, Error> {
        Ok(Self(Files::open(&host.storage(), "roleplay/avatars")?))
    }

    /// Stores a character's picture.
    pub(crate) async fn put(&self, id: CharacterId, png: Vec<u8>) -> Result<(), Error> {
        self.0.put(&name(id), png).await
    }

    /// A character's picture, if it has one.
    pub(crate) async fn find(&self, id: CharacterId) -> Result<Option<Vec<u8>>, Error> {
        self.0.find(&name(id)).await
    }

    /// Deletes a character's picture. One that is gone already is no error.
    pub(crate) async fn delete(&self, id: CharacterId) -> Result<(), Error> {
        self.0.delete(&name(id)).await
    }
}

fn name(id: CharacterId) -> String {
    format!("{id}.png")
}
