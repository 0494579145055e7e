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
        let (user, now) = (ctx.user_id()?, self.clock.now());
        // Before others wait for this.
        patch.check()?;
        let (patch, sharing) = (&patch, &sharing);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let character = characters::find(tx, user, id).await?;
                    let mut character = character.ok_or(Error::NotFound("character"))?;
                    check_etag("character", character.update_time, etag)?;
                    let mut card = character.card.clone();
                    let applied = card.apply(patch);
                    applied.map_err(|error| Error::from(error).of_character())?;
                    let sharing = character.sharing.with(sharing);
                    if sharing != character.sharing {
                        self.access.check_sharing(&sharing, "character.rating")?;
                    }
                    if card != character.card || sharing != character.sharing {
                        (character.card, character.sharing) = (card, sharing);
                        character.update_time = change_time(now, character.update_time);
                        characters::update(tx, &character).await?;
                    }
                    Ok(character)
                })
            })
            .await
    }
}
