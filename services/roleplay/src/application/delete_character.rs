//! Deletes a character.

use mesh::Ctx;
use tracing::Instrument;

use super::error::check_etag;
use super::{Characters, Error};
use crate::domain::ids::{CharacterId, UserId};
use crate::infrastructure::queries::{cast, characters, scenarios};

impl Characters {
    /// Deletes a character with its picture and its assets. Sessions with it stay readable.
    /// The character must still have the etag, unless that is empty.
    pub(crate) async fn delete_character(
        &self,
        ctx: &Ctx,
        id: CharacterId,
        etag: String,
    ) -> Result<(), Error> {
        let (characters, user) = (self.clone(), ctx.user_id()?);
        // A task of its own: a client that leaves in the middle would leave a character without its picture.
        let delete = async move { characters.remove(user, id, &etag).await };
        self.tasks.spawn(delete.in_current_span()).await?
    }

    /// Deletes the files first and the rows after them: what fails in between can be done again, and leaves no file that nobody
    /// knows of.
    async fn remove(&self, user: UserId, id: CharacterId, etag: &str) -> Result<(), Error> {
        let found = characters::find(self.db.read(), user, id).await?;
        let found = found.ok_or(Error::NotFound("character"))?;
        check_etag("character", found.update_time, etag)?;
        self.delete_files(&found).await?;
        let now = self.clock.now();
        let delete = self.db.transaction(|tx| {
            Box::pin(async move {
                if !characters::delete(tx, user, id).await? {
                    return Err(Error::NotFound("character"));
                }
                scenarios::forget_character(tx, id, now).await?;
                Ok(cast::forget_character(tx, id, now).await?)
            })
        });
        delete.await
    }
}
