//! Imports a character card.

use mesh::Ctx;
use platform::trace::Cause;
use service::RequestKey;
use tracing::Instrument;

use super::happened::character_created;
use super::once::Once;
use super::{Characters, Error};
use crate::domain::avatar::AvatarVersion;
use crate::domain::card::{
    Assets, Card, CardError, Imported, MAX_DIMENSION, MAX_DOCUMENT_BYTES, Warning,
};
use crate::domain::character::{Character, CharacterAsset, media_type};
use crate::domain::ids::{AssetFileId, AssetId, CharacterId, UserId};
use crate::domain::prompt::check_growth;
use crate::domain::sharing::Sharing;
use crate::infrastructure::picture::{self, Unusable};
use crate::infrastructure::queries::characters;

/// A card to import.
#[derive(Debug)]
pub(crate) struct CardUpload {
    /// The bytes of the file.
    pub(crate) file: Vec<u8>,
    /// A name for a card that has none; empty for none.
    pub(crate) name: String,
}

/// What a character keeps in files.
#[derive(Debug, Default)]
struct Kept {
    portrait_png: Option<Vec<u8>>,
    assets: Vec<(AssetFileId, Vec<u8>)>,
}

impl Characters {
    /// Imports a card from the bytes of a file. A repeat of the request gets the character of the first, as it is now.
    pub(crate) async fn import_character(
        &self,
        ctx: &Ctx,
        upload: CardUpload,
        key: Option<RequestKey>,
    ) -> Result<(Character, Vec<Warning>), Error> {
        let (user, cause) = (ctx.user_id()?, ctx.cause());
        let read = self.tasks.spawn_blocking(move || read(&upload));
        let Imported {
            card,
            picture,
            assets,
            mut warnings,
        } = read.await?.map_err(|error| Error::from(error).of_file())?;
        let once = Once::new(user, key);
        if let Some(made) = once.made(self.db.read()).await? {
            return Ok((self.get_character(ctx, made).await?, warnings));
        }
        let portrait_png = match picture {
            Some(picture) => self.portrait(user, picture, &mut warnings).await?,
            None => None,
        };
        let (assets, files) = numbered(assets);
        let now = self.clock.now();
        let character = Character {
            id: CharacterId::new(),
            owner_id: user,
            card,
            avatar: portrait_png.as_deref().map(AvatarVersion::of),
            assets,
            sharing: Sharing::default(),
            create_time: now,
            update_time: now,
        };
        let kept = Kept {
            portrait_png,
            assets: files,
        };
        let (characters, new) = (self.clone(), character.clone());
        // A task of its own: a client that leaves in the middle would leave files without a character.
        let store = async move { characters.store(user, new, kept, &once, &cause).await };
        let stored = self.tasks.spawn(store.in_current_span()).await??;
        if stored != character.id {
            return Ok((self.get_character(ctx, stored).await?, warnings));
        }
        Ok((character, warnings))
    }

    /// The portrait that a picture makes; none where its pixels can't be read, of which the person is told. A PNG that needs no
    /// change is kept whatever its pixels are: it is what the person has.
    async fn portrait(
        &self,
        user: UserId,
        file: Vec<u8>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<Vec<u8>>, Error> {
        if picture::is_portrait(&file) {
            let turn = self.turn(user).await;
            let look = move || {
                let problem = picture::damage(&file);
                drop(turn);
                (problem, file)
            };
            let (problem, file) = self.tasks.spawn_blocking(look).await?;
            warnings.extend(problem.map(|problem| Warning::PictureDamaged { problem }));
            return Ok(Some(file));
        }
        let turn = self.turn(user).await;
        let make = move || {
            let made = picture::portrait(file);
            drop(turn);
            made
        };
        match self.tasks.spawn_blocking(make).await? {
            Ok(portrait) => {
                if let Some((width, height)) = portrait.scaled_from {
                    warnings.push(Warning::ScaledDown { width, height });
                }
                Ok(Some(portrait.png))
            }
            Err(Unusable::Damaged(problem)) => {
                warnings.push(Warning::PictureLeftOut { problem });
                Ok(None)
            }
            Err(Unusable::TooLarge { width, height }) => {
                let max = MAX_DIMENSION;
                let error = CardError::DimensionsTooLarge { width, height, max };
                Err(Error::from(error).of_file())
            }
        }
    }

    /// Stores the files first and the rows after them, so that no row misses its file; of a failure nothing stays. Returns the
    /// character that is stored: another one where the same request came twice at a time.
    async fn store(
        &self,
        user: UserId,
        character: Character,
        kept: Kept,
        once: &Once,
        cause: &Cause,
    ) -> Result<CharacterId, Error> {
        let id = character.id;
        let stored = match self.keep(id, kept).await {
            Ok(()) => self.insert(user, &character, once, cause).await,
            Err(error) => Err(error),
        };
        if !matches!(&stored, Ok(stored) if *stored == id)
            && let Err(left) = self.delete_files(&character).await
        {
            tracing::warn!(character.id = %id, error = %left, "files without a character stay");
        }
        stored
    }

    async fn keep(&self, id: CharacterId, kept: Kept) -> Result<(), Error> {
        if let Some(png) = kept.portrait_png {
            self.avatars.put(id, png).await?;
        }
        for (file, bytes) in kept.assets {
            self.asset_files.put(file, bytes).await?;
        }
        Ok(())
    }

    /// Deletes what a character has in files.
    pub(super) async fn delete_files(&self, character: &Character) -> Result<(), Error> {
        if let Some(version) = &character.avatar {
            self.avatars.delete(character.id, version).await?;
        }
        for file in character.asset_file_ids() {
            self.asset_files.delete(file).await?;
        }
        Ok(())
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

/// The assets with ids of their own, and the files that they are.
fn numbered(assets: Assets) -> (Vec<CharacterAsset>, Vec<(AssetFileId, Vec<u8>)>) {
    let ids: Vec<AssetFileId> = assets.files.iter().map(|_| AssetFileId::new()).collect();
    let named = assets.assets.iter().map(|asset| {
        let content = assets.content(asset);
        CharacterAsset {
            id: AssetId::new(),
            name: asset.name.clone(),
            file_id: ids[asset.file],
            media_type: media_type(content).to_owned(),
            size_bytes: i64::try_from(content.len()).unwrap_or(i64::MAX),
        }
    });
    (named.collect(), ids.into_iter().zip(assets.files).collect())
}

fn read(upload: &CardUpload) -> Result<Imported, CardError> {
    let mut imported = Card::import_named(&upload.file, Some(&upload.name))?;
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
    Ok(imported)
}
