//! Deletes a character.

use mesh::Ctx;

use super::{Characters, Error};
use crate::domain::ids::CharacterId;
use crate::infrastructure::queries::{characters, sessions};

impl Characters {
    /// Deletes a character with its picture. Sessions with it stay readable.
    pub(crate) async fn delete_character(&self, ctx: &Ctx, id: CharacterId) -> Result<(), Error> {
        let user = ctx.user_id()?;
        let delete = self.db.transaction(|tx| {
            Box::pin(async move {
                if !characters::delete(tx, user, id).await? {
                    return Err(Error::NotFound("character"));
                }
                Ok(sessions::forget_character(tx, id).await?)
            })
        });
        delete.await?;
        Ok(self.avatars.delete(id).await?)
    }
}
