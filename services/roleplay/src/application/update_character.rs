//! Changes a character's card.

use mesh::Ctx;

use super::{Characters, Error};
use crate::domain::card::CardPatch;
use crate::domain::character::Character;
use crate::domain::ids::CharacterId;
use crate::infrastructure::queries::characters;

impl Characters {
    /// Changes the fields that the patch names; the rest of the card stays as it was imported.
    pub(crate) async fn update_character(
        &self,
        ctx: &Ctx,
        id: CharacterId,
        patch: CardPatch,
    ) -> Result<Character, Error> {
        let (user, patch, now) = (ctx.user_id()?, &patch, self.host.clock.now());
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let character = characters::find(tx, user, id).await?;
                    let mut character = character.ok_or(Error::NotFound("character"))?;
                    character.card.apply(patch)?;
                    character.update_time = now;
                    characters::update(tx, &character).await?;
                    Ok(character)
                })
            })
            .await
    }
}
