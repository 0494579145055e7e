//! Changes and deletes lorebooks, and attaches them to characters.

use mesh::Ctx;

use super::Error;
use super::characters::check_character;
use super::create_lorebook::check_name;
use super::error::check_etag_of;
use super::lorebooks::{Lorebooks, get, write_card};
use crate::domain::book::Book;
use crate::domain::ids::{CharacterId, LorebookId};
use crate::domain::lorebook::BookPatch;
use crate::infrastructure::queries::lorebooks;

/// Lorebooks that can be attached to a character: each prompt looks through all of them.
const MAX_ATTACHED: usize = 20;

impl Lorebooks {
    /// Changes a lorebook, and none of its entries. It must still have the etag, unless that is empty.
    pub(crate) async fn update_lorebook(
        &self,
        ctx: &Ctx,
        id: LorebookId,
        patch: &BookPatch,
        etag: &str,
    ) -> Result<Book, Error> {
        if let Some(name) = &patch.name {
            let book = self.get_lorebook(ctx, id).await?;
            // That of a card may have come without one.
            if book.character_id.is_none() {
                check_name(name)?;
            }
        }
        let changed = self.change(ctx, id, etag, |document| {
            document.apply(patch);
            Ok(())
        });
        Ok(changed.await?.0)
    }

    /// Deletes a lorebook, or takes it out of the card that holds it. It must still have the etag, unless that is empty.
    pub(crate) async fn delete_lorebook(
        &self,
        ctx: &Ctx,
        id: LorebookId,
        etag: &str,
    ) -> Result<(), Error> {
        let (user, now) = (ctx.user_id()?, self.clock.now());
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let book = get(tx, user, id).await?;
                    check_etag_of("lorebook", &book.document.etag(), etag)?;
                    match book.character_id {
                        Some(character) => write_card(tx, user, character, None, now).await,
                        None => Ok(lorebooks::delete(tx, user, id).await?),
                    }
                })
            })
            .await
    }

    /// Attaches a lorebook to a character, behind those that are attached already.
    pub(crate) async fn attach_lorebook(
        &self,
        ctx: &Ctx,
        character: CharacterId,
        id: LorebookId,
    ) -> Result<(), Error> {
        let user = ctx.user_id()?;
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    check_character(tx, user, character).await?;
                    let book = get(tx, user, id).await?;
                    if book.character_id == Some(character) {
                        return Ok(());
                    }
                    if book.character_id.is_some() {
                        return Err(unattachable(
                            "is in another character's card: export and import it, and attach that",
                        ));
                    }
                    let places = lorebooks::places(tx, character).await?;
                    if places.iter().any(|(attached, _)| *attached == id) {
                        return Ok(());
                    }
                    if places.len() >= MAX_ATTACHED {
                        return Err(unattachable(
                            "is one more than a character can have: detach another of the 20",
                        ));
                    }
                    let place = places.last().map_or(0, |(_, last)| last + 1);
                    Ok(lorebooks::attach(tx, character, id, place).await?)
                })
            })
            .await
    }

    /// Detaches a lorebook from a character.
    pub(crate) async fn detach_lorebook(
        &self,
        ctx: &Ctx,
        character: CharacterId,
        id: LorebookId,
    ) -> Result<(), Error> {
        let user = ctx.user_id()?;
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    check_character(tx, user, character).await?;
                    if get(tx, user, id).await?.character_id.is_some() {
                        return Err(unattachable(
                            "is in a character's card: delete it to take it out",
                        ));
                    }
                    Ok(lorebooks::detach(tx, character, id).await?)
                })
            })
            .await
    }
}

fn unattachable(description: &'static str) -> Error {
    let field = "lorebook_id";
    Error::Invalid { field, description }
}
