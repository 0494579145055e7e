//! Characters: what all their use cases share.

use events::Outbox;
use mesh::Ctx;
use service::Host;
use storage::Database;

use super::Error;
use crate::domain::character::Character;
use crate::domain::ids::CharacterId;
use crate::infrastructure::avatars::Avatars;
use crate::infrastructure::queries::characters;

/// Characters. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Characters {
    pub(super) db: Database,
    pub(super) outbox: Outbox,
    pub(super) host: Host,
    pub(super) avatars: Avatars,
}

impl Characters {
    /// The use cases over a database with its outbox and a folder of pictures.
    pub(crate) fn new(db: Database, outbox: Outbox, host: Host, avatars: Avatars) -> Self {
        Self {
            db,
            outbox,
            host,
            avatars,
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
