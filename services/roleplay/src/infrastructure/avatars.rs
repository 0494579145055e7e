//! The characters' pictures: a PNG file each, under the character's id, and beside it what was made of it, a WebP file of each
//! version and size. What is kept in a size can be lost: it is made again. A picture that takes the place of another one has its
//! version in the file's name too, so that there is always one of them.

use service::Host;
use storage::files::{Error, Files};

use crate::domain::avatar::{AvatarSize, AvatarVersion};
use crate::domain::ids::CharacterId;

/// The store of pictures.
#[derive(Debug, Clone)]
pub(crate) struct Avatars {
    originals: Files,
    sized: Files,
}

impl Avatars {
    /// The pictures that a host keeps.
    pub(crate) fn open(host: &Host) -> Result<Self, Error> {
        let storage = host.storage();
        Ok(Self {
            originals: Files::open(&storage, "roleplay/avatars")?,
            sized: Files::open(&storage, "roleplay/avatar-sizes")?,
        })
    }

    /// Stores a new character's picture.
    pub(crate) async fn put(&self, id: CharacterId, png: Vec<u8>) -> Result<(), Error> {
        self.originals.put(&name(id), png).await
    }

    /// Stores a picture beside the one that it is to replace.
    pub(crate) async fn put_beside(
        &self,
        id: CharacterId,
        version: &AvatarVersion,
        png: Vec<u8>,
    ) -> Result<(), Error> {
        self.originals.put(&later_name(id, version), png).await
    }

    /// A version of a character's picture, if it is there.
    pub(crate) async fn find(
        &self,
        id: CharacterId,
        version: &AvatarVersion,
    ) -> Result<Option<Vec<u8>>, Error> {
        match self.originals.find(&later_name(id, version)).await? {
            Some(png) => Ok(Some(png)),
            None => {
                let first = self.originals.find(&name(id)).await?;
                Ok(first.filter(|png| version.is_of(png)))
            }
        }
    }

    /// A character's picture in a size, if that was made.
    pub(crate) async fn find_sized(
        &self,
        id: CharacterId,
        version: &AvatarVersion,
        size: AvatarSize,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.sized.find(&sized_name(id, version, size)).await
    }

    /// Stores a character's picture in a size, unless the character is gone meanwhile.
    pub(crate) async fn put_sized(
        &self,
        id: CharacterId,
        version: &AvatarVersion,
        size: AvatarSize,
        webp: Vec<u8>,
    ) -> Result<(), Error> {
        let name = sized_name(id, version, size);
        self.sized.put(&name, webp).await?;
        // Whoever deletes it takes the picture away before its sizes: one that is there now finds this one.
        let is_there = self.originals.has(&later_name(id, version)).await?
            || self.originals.has(&self::name(id)).await?;
        if !is_there {
            self.sized.delete(&name).await?;
        }
        Ok(())
    }

    /// Deletes a version of a character's picture in all sizes, and the one that it had first. What is gone already is no error.
    pub(crate) async fn delete(
        &self,
        id: CharacterId,
        version: &AvatarVersion,
    ) -> Result<(), Error> {
        self.originals.delete(&name(id)).await?;
        self.delete_beside(id, version).await
    }

    /// Deletes a version that was stored beside another one, in all sizes.
    pub(crate) async fn delete_beside(
        &self,
        id: CharacterId,
        version: &AvatarVersion,
    ) -> Result<(), Error> {
        self.originals.delete(&later_name(id, version)).await?;
        for size in AvatarSize::ALL {
            self.sized.delete(&sized_name(id, version, size)).await?;
        }
        Ok(())
    }
}

fn name(id: CharacterId) -> String {
    format!("{id}.png")
}

fn later_name(id: CharacterId, version: &AvatarVersion) -> String {
    format!("{id}.{}.png", version.as_str())
}

fn sized_name(id: CharacterId, version: &AvatarVersion, size: AvatarSize) -> String {
    format!("{id}.{}.{}.webp", version.as_str(), size.name())
}
