//! Imports a character card.

use mesh::Ctx;
use platform::trace::Cause;
use service::RequestKey;
use tracing::Instrument;

use super::happened::character_created;
use super::once::Once;
use super::{Characters, Error};
use crate::domain::avatar::AvatarVersion;
use crate::domain::card::{Card, CardError, Imported, MAX_DOCUMENT_BYTES, Warning};
use crate::domain::character::Character;
use crate::domain::ids::{CharacterId, UserId};
use crate::domain::prompt::check_growth;
use crate::infrastructure::queries::characters;

impl Characters {
    /// Imports a card from the bytes of a file. A repeat of the request gets the character of the first, as it is now.
    pub(crate) async fn import_character(
        &self,
        ctx: &Ctx,
        file: Vec<u8>,
        key: Option<RequestKey>,
    ) -> Result<(Character, Vec<Warning>), Error> {
        let (user, cause) = (ctx.user_id()?, ctx.cause());
        let (imported, version) = self
            .host
            .tasks
            .spawn_blocking(move || read(&file))
            .await??;
        let once = Once::new(user, key);
        if let Some(made) = once.made(self.db.read()).await? {
            return Ok((self.get_character(ctx, made).await?, imported.warnings));
        }
        let now = self.host.clock.now();
        let character = Character {
            id: CharacterId::new(),
            card: imported.card,
            avatar: version,
            create_time: now,
            update_time: now,
        };
        let (characters, new) = (self.clone(), character.clone());
        // A task of its own: a client that leaves in the middle would leave a picture without a character.
        let store = async move {
            characters
                .store(user, new, imported.avatar_png, &once, &cause)
                .await
        };
        let stored = self.host.tasks.spawn(store.in_current_span()).await??;
        if stored != character.id {
            return Ok((self.get_character(ctx, stored).await?, imported.warnings));
        }
        Ok((character, imported.warnings))
    }

    /// Stores the picture first and the row after it, so that no row misses its picture; of a failure nothing stays. Returns the
    /// character that is stored: another one where the same request came twice at a time.
    async fn store(
        &self,
        user: UserId,
        character: Character,
        png: Option<Vec<u8>>,
        once: &Once,
        cause: &Cause,
    ) -> Result<CharacterId, Error> {
        let id = character.id;
        if let Some(png) = png {
            self.avatars.put(id, png).await?;
        }
        let avatar = character.avatar.as_ref();
        let stored = self.insert(user, &character, once, cause).await;
        if !matches!(&stored, Ok(stored) if *stored == id)
            && let Some(version) = avatar
            && let Err(left) = self.avatars.delete(id, version).await
        {
            tracing::warn!(character.id = %id, error = %left, "a picture without a character stays");
        }
        stored
    }

    /// Stores the row of a character. Returns the character that is stored: another one where the request was repeated.
    pub(super) async fn insert(
        &self,
        user: UserId,
        character: &Character,
        once: &Once,
        cause: &Cause,
    ) -> Result<CharacterId, Error> {
        let insert = self.db.transaction(|tx| {
            Box::pin(async move {
                if let Some(made) = once.made(tx).await? {
                    return Ok(made);
                }
                characters::insert(tx, user, character).await?;
                once.note(tx, character.id, character.create_time).await?;
                let told = character_created(character.id, user, character.create_time);
                self.outbox.add_retellable(tx, told, cause)?;
                Ok(character.id)
            })
        });
        insert.await
    }
}

/// Reads a card and the version of its picture.
fn read(file: &[u8]) -> Result<(Imported, Option<AvatarVersion>), CardError> {
    let mut imported = Card::import(file)?;
    // A number such as 1e9 is longer when it is written again; what we store we must be able to read.
    let size_bytes = imported.card.to_json(imported.card.spec())?.len();
    if size_bytes > MAX_DOCUMENT_BYTES {
        return Err(CardError::DocumentTooLarge {
            size_bytes,
            max_bytes: MAX_DOCUMENT_BYTES,
        });
    }
    if let Err(outgrown) = check_growth(&imported.card) {
        imported.warnings.push(Warning::OutgrowingMacros {
            added_bytes: outgrown.added_bytes,
            max_bytes: outgrown.max_bytes,
        });
    }
    let version = imported.avatar_png.as_deref().map(AvatarVersion::of);
    Ok((imported, version))
}
