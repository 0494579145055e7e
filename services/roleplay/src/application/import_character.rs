//! Imports a character card.

use mesh::Ctx;

use super::{Characters, Error};
use crate::domain::card::{Card, CardError, MAX_DOCUMENT_BYTES, Warning};
use crate::domain::character::Character;
use crate::domain::ids::CharacterId;
use crate::infrastructure::queries::characters;

impl Characters {
    /// Imports a card from the bytes of a file. The picture is stored first and the row after it, so that no row ever
    /// misses its picture; of a failure nothing stays.
    pub(crate) async fn import_character(
        &self,
        ctx: &Ctx,
        file: Vec<u8>,
    ) -> Result<(Character, Vec<Warning>), Error> {
        let user = ctx.user_id()?;
        let imported = self
            .host
            .tasks
            .spawn_blocking(move || read(&file))
            .await??;
        let now = self.host.clock.now();
        let character = Character {
            id: CharacterId::new(),
            card: imported.card,
            has_avatar: imported.avatar_png.is_some(),
            create_time: now,
            update_time: now,
        };
        if let Some(png) = imported.avatar_png {
            self.avatars.put(character.id, png).await?;
        }
        let stored = character.clone();
        let insert = self.db.transaction(|tx| {
            Box::pin(async move { Ok::<_, Error>(characters::insert(tx, user, &stored).await?) })
        });
        if let Err(error) = insert.await {
            self.avatars.delete(character.id).await?;
            return Err(error);
        }
        Ok((character, imported.warnings))
    }
}

fn read(file: &[u8]) -> Result<crate::domain::card::Imported, CardError> {
    let imported = Card::import(file)?;
    // A number such as 1e9 is longer when it is written again; what we store we must be able to read.
    let size_bytes = imported.card.to_json(imported.card.spec())?.len();
    if size_bytes > MAX_DOCUMENT_BYTES {
        return Err(CardError::DocumentTooLarge {
            size_bytes,
            max_bytes: MAX_DOCUMENT_BYTES,
        });
    }
    Ok(imported)
}
