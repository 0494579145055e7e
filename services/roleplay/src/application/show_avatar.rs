//! Shows a character's picture: as it was imported, in a size, and by an address.

use std::sync::Arc;

use mesh::Ctx;
use tokio::sync::OwnedMutexGuard;
use tracing::Instrument;

use super::{Characters, Error};
use crate::domain::avatar::{AvatarAddress, AvatarSize, AvatarVersion};
use crate::domain::character::Character;
use crate::domain::ids::{CharacterId, UserId};
use crate::domain::sharing::Sight;
use crate::infrastructure::queries::characters;
use crate::infrastructure::webp;

/// A picture, and its version.
pub(crate) struct Shown {
    /// The version.
    pub(crate) version: AvatarVersion,
    /// In which size it is; none for as it was imported.
    pub(crate) size: Option<AvatarSize>,
    /// WebP in a size, else PNG.
    pub(crate) bytes: Vec<u8>,
}

impl Characters {
    /// The picture of a character that the caller may see. What else is in the file of an imported picture is its owner's.
    pub(crate) async fn get_avatar(
        &self,
        ctx: &Ctx,
        id: CharacterId,
        size: Option<AvatarSize>,
    ) -> Result<Shown, Error> {
        let (character, sight) = self.see_character(ctx, id).await?;
        let size = match sight {
            Sight::Own => size,
            _ => size.or(Some(AvatarSize::Full)),
        };
        let original = async |it: &Character| self.picture(it).await?.ok_or(Error::AvatarMissing);
        let version = character.avatar.clone().ok_or(Error::AvatarMissing)?;
        let bytes = match size {
            Some(size) => self.sized(id, &version, size).await?,
            None => original(&character).await?,
        };
        Ok(Shown {
            version,
            size,
            bytes,
        })
    }

    /// The picture that an address leads to, whoever asks: the signature stands for who may see it.
    pub(crate) async fn get_signed_avatar(
        &self,
        address: &AvatarAddress,
        signature: &str,
    ) -> Result<Shown, Error> {
        if !self.signer.is_signed(&address.signed_text(), signature) {
            return Err(Error::AvatarAddressInvalid("isn't one that was given out"));
        }
        if address.expire_time <= self.clock.now() {
            return Err(Error::AvatarAddressInvalid("has expired"));
        }
        let AvatarAddress { version, size, .. } = address;
        let bytes = self.sized(address.character_id, version, *size).await?;
        Ok(Shown {
            version: version.clone(),
            size: Some(*size),
            bytes,
        })
    }

    /// The picture of a character as it was imported.
    pub(super) async fn picture(&self, character: &Character) -> Result<Option<Vec<u8>>, Error> {
        match &character.avatar {
            Some(version) => Ok(self.avatars.find(character.id, version).await?),
            None => Ok(None),
        }
    }

    /// A picture in a size, which is made when it is first asked for.
    async fn sized(
        &self,
        id: CharacterId,
        version: &AvatarVersion,
        size: AvatarSize,
    ) -> Result<Vec<u8>, Error> {
        if let Some(kept) = self.avatars.find_sized(id, version, size).await? {
            return Ok(kept);
        }
        // Who leaves while they wait makes nothing.
        let owner = characters::owner(self.db.read(), id).await?;
        let turn = self.turn(owner.ok_or(Error::AvatarMissing)?).await;
        if let Some(kept) = self.avatars.find_sized(id, version, size).await? {
            return Ok(kept);
        }
        let (characters, version) = (self.clone(), version.clone());
        // A task of its own: a client that leaves in the middle would leave sizes of a picture that is deleted meanwhile.
        let make = async move {
            let made = characters.make(id, &version, size).await;
            drop(turn);
            made
        };
        self.tasks.spawn(make.in_current_span()).await?
    }

    /// Waits until a picture of a person may be decoded. One is at a time, since it takes much memory; and one of a person waits
    /// for it at a time, so that nobody's many pictures hold up those of others.
    pub(super) async fn turn(&self, owner: UserId) -> [OwnedMutexGuard<()>; 2] {
        let own = self.making.of_persons.get_with(owner, Arc::default);
        let own = own.lock_owned().await;
        [own, self.making.all.clone().lock_owned().await]
    }

    async fn make(
        &self,
        id: CharacterId,
        version: &AvatarVersion,
        size: AvatarSize,
    ) -> Result<Vec<u8>, Error> {
        let png = self.avatars.find(id, version).await?;
        let png = png.ok_or(Error::AvatarMissing)?;
        let make = move || webp::sized(&png, size);
        let made = self.tasks.spawn_blocking(make).await?;
        let webp = made.map_err(|error| Error::AvatarUnreadable(error.to_string()))?;
        let kept = self
            .avatars
            .put_sized(id, version, size, webp.clone())
            .await;
        if let Err(error) = kept {
            // It can be shown all the same, and is made again.
            tracing::warn!(character.id = %id, %error, "a picture's size can't be kept");
        }
        Ok(webp)
    }
}
