//! Gives characters pictures, and takes them away.

use std::sync::Arc;

use mesh::Ctx;
use tokio::sync::OwnedMutexGuard;
use tracing::Instrument;

use super::error::check_etag;
use super::{Characters, Error};
use crate::domain::avatar::AvatarVersion;
use crate::domain::card::{CardError, picture_alone};
use crate::domain::character::Character;
use crate::domain::etag::change_time;
use crate::domain::ids::{AssetFileId, CharacterId, UserId};
use crate::infrastructure::picture::{self, Unusable};
use crate::infrastructure::queries::{character_assets, characters};

/// A character whose picture is another one now, and what nobody needs any more.
struct Replaced {
    character: Character,
    avatar: Option<AvatarVersion>,
    icon: Option<AssetFileId>,
}

impl Characters {
    /// Gives a character a picture. The character, or its picture, must still have the etag, unless that is empty.
    pub(crate) async fn upload_avatar(
        &self,
        ctx: &Ctx,
        id: CharacterId,
        file: Vec<u8>,
        etag: String,
    ) -> Result<Character, Error> {
        let user = ctx.user_id()?;
        check_seen(&self.get_character(ctx, id).await?, &etag)?;
        let turn = self.turn(user).await;
        let make = move || {
            let made = portrait(file);
            drop(turn);
            made
        };
        let png = self.tasks.spawn_blocking(make).await??;
        let characters = self.clone();
        // A task of its own: a client that leaves in the middle would leave a picture that nobody knows of.
        let replace = async move { characters.replace_avatar(user, id, png, &etag).await };
        self.tasks.spawn(replace.in_current_span()).await?
    }

    /// Takes a character's picture away. The character, or its picture, must still have the etag, unless that is empty.
    pub(crate) async fn delete_avatar(
        &self,
        ctx: &Ctx,
        id: CharacterId,
        etag: String,
    ) -> Result<(), Error> {
        let user = ctx.user_id()?;
        let character = self.get_character(ctx, id).await?;
        check_seen(&character, &etag)?;
        character.avatar.ok_or(Error::AvatarMissing)?;
        let characters = self.clone();
        let delete = async move {
            let _alone = characters.alone_with(id).await;
            let replaced = characters.set_avatar(user, id, None, &etag).await?;
            characters.discard(replaced).await;
            Ok(())
        };
        self.tasks.spawn(delete.in_current_span()).await?
    }

    /// The new file first, then the row, and the old file last: the picture that the row names is always there.
    async fn replace_avatar(
        &self,
        user: UserId,
        id: CharacterId,
        png: Vec<u8>,
        etag: &str,
    ) -> Result<Character, Error> {
        let version = AvatarVersion::of(&png);
        let _alone = self.alone_with(id).await;
        self.avatars.put_beside(id, &version, png).await?;
        let error = match self.set_avatar(user, id, Some(&version), etag).await {
            Ok(replaced) => return Ok(self.discard(replaced).await),
            Err(error) => error,
        };
        // The same picture may have come twice, of which one was stored.
        let now = characters::find(self.db.read(), user, id).await?;
        if now.and_then(|it| it.avatar).as_ref() != Some(&version) {
            self.avatars.delete_beside(id, &version).await?;
        }
        Err(error)
    }

    /// Waits for whoever changes the picture of the character now.
    async fn alone_with(&self, id: CharacterId) -> OwnedMutexGuard<()> {
        let lock = self.making.of_characters.get_with(id, Arc::default);
        lock.lock_owned().await
    }

    async fn set_avatar(
        &self,
        user: UserId,
        id: CharacterId,
        version: Option<&AvatarVersion>,
        etag: &str,
    ) -> Result<Replaced, Error> {
        let now = self.clock.now();
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let character = characters::find(tx, user, id).await?;
                    let mut character = character.ok_or(Error::NotFound("character"))?;
                    check_seen(&character, etag)?;
                    let before = character.avatar.clone();
                    if before.as_ref() == version {
                        return Ok(Replaced {
                            character,
                            avatar: None,
                            icon: None,
                        });
                    }
                    character.avatar = version.cloned();
                    character.update_time = change_time(now, character.update_time);
                    let icon = character.take_main_icon();
                    if let Some(icon) = &icon {
                        character_assets::delete(tx, icon.id).await?;
                    }
                    characters::set_avatar(tx, &character).await?;
                    let left = icon.map(|icon| icon.file_id);
                    Ok(Replaced {
                        icon: left.filter(|file| !character.asset_file_ids().contains(file)),
                        avatar: before,
                        character,
                    })
                })
            })
            .await
    }

    /// Deletes what nobody needs any more. If that fails, files stay that nobody sees.
    async fn discard(&self, replaced: Replaced) -> Character {
        let Replaced {
            character,
            avatar,
            icon,
        } = replaced;
        let delete = async {
            if let Some(version) = &avatar {
                self.avatars.delete(character.id, version).await?;
            }
            match icon {
                Some(file) => self.asset_files.delete(file).await,
                None => Ok(()),
            }
        };
        if let Err(error) = delete.await {
            tracing::warn!(character.id = %character.id, %error, "files of a picture that was replaced stay");
        }
        character
    }
}

/// Refuses what is about another picture, or another state of the character, than its sender saw.
fn check_seen(character: &Character, etag: &str) -> Result<(), Error> {
    // In a size, its etag ends with that.
    let version = etag.split('-').next();
    match &character.avatar {
        Some(avatar) if version == Some(avatar.as_str()) => Ok(()),
        _ => check_etag("character", character.update_time, etag),
    }
}

fn portrait(file: Vec<u8>) -> Result<Vec<u8>, Unusable> {
    let file = picture_alone(file).map_err(|error| match error {
        CardError::DimensionsTooLarge { width, height, .. } => Unusable::TooLarge { width, height },
        _ => Unusable::Damaged("its file is cut off or damaged".to_owned()),
    })?;
    Ok(picture::whole_portrait(file)?.png)
}
