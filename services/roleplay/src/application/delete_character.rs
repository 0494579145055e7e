//! Deletes characters.

use futures::future::try_join_all;
use mesh::Ctx;
use tracing::Instrument;

use super::error::check_etag;
use super::{Characters, Error};
use crate::domain::ids::{CharacterId, UserId};
use crate::infrastructure::queries::{cast, characters, scenarios};

/// Characters whose files are deleted at a time.
const AT_A_TIME: usize = 8;

impl Characters {
    /// Deletes characters with their pictures and their assets, all of them or none. Sessions with them stay readable.
    /// They must still have the etag, unless that is empty.
    pub(crate) async fn delete_characters(
        &self,
        ctx: &Ctx,
        ids: Vec<CharacterId>,
        etag: String,
    ) -> Result<(), Error> {
        let (characters, user) = (self.clone(), ctx.user_id()?);
        // A task of its own: a client that leaves in the middle would leave a character without its picture.
        let delete = async move { characters.remove(user, &ids, &etag).await };
        self.tasks.spawn(delete.in_current_span()).await?
    }

    /// Deletes the files first and the rows after them: what fails in between can be done again, and leaves no file that nobody
    /// knows of.
    async fn remove(&self, user: UserId, ids: &[CharacterId], etag: &str) -> Result<(), Error> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let character = characters::find(self.db.read(), user, *id).await?;
            let character = character.ok_or(Error::NotFound("character"))?;
            check_etag("character", character.update_time, etag)?;
            found.push(character);
        }
        for some in found.chunks(AT_A_TIME) {
            try_join_all(some.iter().map(|character| self.delete_files(character))).await?;
        }
        let now = self.clock.now();
        let delete = self.db.transaction(|tx| {
            Box::pin(async move {
                for id in ids {
                    // One that somebody else deleted meanwhile is gone, as it is to be; its files are too.
                    characters::delete(tx, user, *id).await?;
                    scenarios::forget_character(tx, *id, now).await?;
                    cast::forget_character(tx, *id, now).await?;
                }
                Ok(())
            })
        });
        delete.await
    }
}
