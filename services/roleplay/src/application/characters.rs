//! Characters: what all their use cases share.

use std::sync::Arc;

use events::Outbox;
use mesh::Ctx;
use service::Host;
use storage::Database;
use tokio::sync::Mutex;

use super::Error;
use crate::domain::character::Character;
use crate::domain::ids::CharacterId;
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
    /// Held by whoever decodes a picture.
    pub(super) decoding: Arc<Mutex<()>>,
}

impl Characters {
    /// The use cases over a database with its outbox, and the folders of pictures and of assets.
    pub(crate) fn new(
        db: Database,
        outbox: Outbox,
        host: Host,
        avatars: Avatars,
        asset_files: AssetFiles,
    ) -> Self {
        Self {
            db,
            outbox,
            host,
            avatars,
            asset_files,
            decoding: Arc::default(),
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
