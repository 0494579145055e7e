//! Characters: what all their use cases share.

use std::sync::Arc;
use std::time::Duration;

use events::Outbox;
use mesh::Ctx;
use moka::sync::Cache;
use platform::{Clock, Tasks};
use sea_orm::ConnectionTrait;
use service::Host;
use storage::Database;
use storage::signature::Signer;
use tokio::sync::Mutex;

use super::Error;
use super::shared_access::SharedAccess;
use crate::domain::avatar::{AvatarAddress, AvatarSize, AvatarVersion, expire_time};
use crate::domain::character::Character;
use crate::domain::ids::{CharacterId, UserId};
use crate::domain::sharing::Sight;
use crate::infrastructure::asset_files::AssetFiles;
use crate::infrastructure::avatars::Avatars;
use crate::infrastructure::queries::{characters, sessions};

/// Characters. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Characters {
    pub(super) db: Database,
    pub(super) outbox: Outbox,
    pub(super) clock: Clock,
    pub(super) tasks: Tasks,
    pub(super) avatars: Avatars,
    pub(super) asset_files: AssetFiles,
    pub(super) signer: Signer,
    pub(super) access: SharedAccess,
    pub(super) making: Making,
}

/// Held by whoever decodes a picture, to import it or to make it in a size, or gives a character another one.
#[derive(Clone)]
pub(super) struct Making {
    pub(super) all: Arc<Mutex<()>>,
    pub(super) of_persons: Cache<UserId, Arc<Mutex<()>>>,
    /// Two that change the picture of one character would delete each other's file, where it is the same picture.
    pub(super) of_characters: Cache<CharacterId, Arc<Mutex<()>>>,
}

impl Default for Making {
    fn default() -> Self {
        let idle = Duration::from_secs(60);
        Self {
            all: Arc::default(),
            of_persons: Cache::builder().time_to_idle(idle).build(),
            of_characters: Cache::builder().time_to_idle(idle).build(),
        }
    }
}

impl Characters {
    /// The use cases over a database with its outbox, the folders of pictures and of assets, and what signs pictures' addresses.
    pub(crate) fn new(
        db: Database,
        outbox: Outbox,
        host: &Host,
        (avatars, asset_files): (Avatars, AssetFiles),
        signer: Signer,
        access: SharedAccess,
    ) -> Self {
        Self {
            db,
            outbox,
            clock: host.clock.clone(),
            tasks: host.tasks.clone(),
            avatars,
            asset_files,
            signer,
            access,
            making: Making::default(),
        }
    }

    /// The address of a character's picture in a size, with its signature.
    pub(crate) fn address(
        &self,
        id: CharacterId,
        version: &AvatarVersion,
        size: AvatarSize,
    ) -> (AvatarAddress, String) {
        let address = AvatarAddress {
            character_id: id,
            version: version.clone(),
            size,
            expire_time: expire_time(id, self.clock.now()),
        };
        let signature = self.signer.sign(&address.signed_text());
        (address, signature)
    }

    /// A character that the caller may see: their own, one that is listed, or one that they have a session with.
    pub(crate) async fn see_character(
        &self,
        ctx: &Ctx,
        id: CharacterId,
    ) -> Result<(Character, Sight), Error> {
        let (db, user) = (self.db.read(), ctx.user_id()?);
        let character = characters::anyones(db, id).await?;
        let character = character.ok_or(Error::NotFound("character"))?;
        let (owner, sharing) = (character.owner_id, &character.sharing);
        let sight = match self.access.sight(user, owner, sharing, false) {
            Some(sight) => sight,
            None if sessions::are_with(db, user, id).await? => Sight::of_others(sharing),
            None => return Err(Error::NotFound("character")),
        };
        Ok((character, sight))
    }

    /// As [`Characters::see_character`], of a card that its owner shows.
    pub(super) async fn read_character(
        &self,
        ctx: &Ctx,
        id: CharacterId,
    ) -> Result<Character, Error> {
        match self.see_character(ctx, id).await? {
            (_, Sight::Hidden) => Err(Error::CardHidden("character")),
            (character, _) => Ok(character),
        }
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
