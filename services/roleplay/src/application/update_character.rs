//! Changes a character's card.

use mesh::Ctx;

use super::error::check_etag;
use super::{Characters, Error};
use crate::domain::card::CardPatch;
use crate::domain::character::Character;
use crate::domain::etag::change_time;
use crate::domain::ids::CharacterId;
use crate::domain::sharing::SharingPatch;
use crate::infrastructure::queries::characters;

impl Characters {
    /// Changes the fields that the patch names; the rest of the card stays as it was imported. The character must still have the
    /// etag, unless that is empty.
    pub(crate) async fn update_character(
        &self,
        ctx: &Ctx,
        id: CharacterId,
        patch: CardPatch,
        sharing: SharingPatch,
        etag: &str,
    ) -> Result<Character, Error> {
        let (user, patch, now) = (ctx.user_id()?, &patch, self.host.clock.now());
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let character = characters::find(tx, user, id).await?;
                    let mut character = character.ok_or(Error::NotFound("character"))?;
                    check_etag("character", character.update_time, etag)?;
                    character.card.apply(patch)?;
                    let before = character.sharing;
                    character.sharing = before.with(&sharing);
                    if character.sharing != before {
                        let access = &self.access;
                        access.check_sharing(&character.sharing, "character.rating")?;
                    }
                    character.update_time = change_time(now, character.update_time);
                    characters::update(tx, &character).await?;
                    Ok(character)
                })
            })
            .await
    }
}
