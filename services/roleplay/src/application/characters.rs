//! Characters: what all their use cases share.

use std::sync::Arc;
use std::time::Duration;

use events::Outbox;
use mesh::Ctx;
use moka::sync::Cache;
use sea_orm::ConnectionTrait;
use service::Host;
use storage::Database;
use storage::signature::Signer;
use tokio::sync::Mutex;

use super::Error;
use crate::domain::avatar::{AvatarAddress, AvatarSize, expire_time};
use crate::domain::character::Character;
use crate::domain::ids::{CharacterId, UserId};
use crate::infrastructure::asset_files::AssetFiles;
use crate::infrastructure::avatars::Avatars;
use crate::infrastructure::queries::characters;

/// Characters. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Characters {
    pub(super) db: Database,
    pub(super) outbox: Outbox,
    pub(super) host: Host,
    pub(super) avatars: Avatars,
    pub(super) asset_files: AssetFiles,
    pub(super) signer: Signer,
    pub(super) making: Making,
}

/// Held by whoever decodes a picture: to import it, or to make it in a size.
#[derive(Clone)]
pub(super) struct Making {
    pub(super) all: Arc<Mutex<()>>,
    pub(super) of_persons: Cache<UserId, Arc<Mutex<()>>>,
}

impl Default for Making {
    fn default() -> Self {
        let idle = Cache::builder().time_to_idle(Duration::from_secs(60));
        Self {
            all: Arc::default(),
            of_persons: idle.build(),
        }
    }
}

impl Characters {
    /// The use cases over a database with its outbox, the folders of pictures and of assets, and what signs pictures' addresses.
    pub(crate) fn new(
        db: Database,
        outbox: Outbox,
        host: Host,
        avatars: Avatars,
        asset_files: AssetFiles,
        signer: Signer,
    ) -> Self {
        Self {
            db,
            outbox,
            host,
            avatars,
            asset_files,
            signer,
            making: Making::default(),
        }
    }

    /// The address of a character's picture in a size, with its signature; none where it has no picture.
    pub(crate) fn address(
        &self,
        character: &Character,
        size: AvatarSize,
    ) -> Option<(AvatarAddress, String)> {
        let address = AvatarAddress {
            character_id: character.id,
            version: character.avatar.clone()?,
            size,
            expire_time: expire_time(character.id, self.host.clock.now()),
        };
        let signature = self.signer.sign(&address.signed_text());
        Some((address, signature))
    }

    /// A character of the caller.
    pub(crate) async fn get_character(
        &self,
        ctx: &Ctx,
        id: CharacterId,
    ) -> Result<Character, Error> {
        let character = characters::find(self.db.read(), ctx.user_id()?, id).await?;
        character.ok_or(Error::NotFound("character"))
    }
}

/// Refuses what is about a character that isn't the person's.
pub(super) async fn check_character(
    db: &impl ConnectionTrait,
    user: UserId,
    id: CharacterId,
) -> Result<(), Error> {
    let found = characters::update_time(db, user, id).await?;
    found.map(drop).ok_or(Error::NotFound("character"))
}
