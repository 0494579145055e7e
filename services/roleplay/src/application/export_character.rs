//! Exports a character as a card, and serves its assets.

use mesh::Ctx;

use super::{Characters, Error};
use crate::domain::card::{Asset, Assets, Card, CardError, Loss, MAX_FILE_BYTES, Spec};
use crate::domain::character::{Character, CharacterAsset};
use crate::domain::ids::{AssetId, CharacterId};
use crate::infrastructure::picture;

/// A form of card files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CardFile {
    /// The picture with the card in it.
    Png,
    /// JSON alone.
    Json,
    /// An archive of card, picture and assets.
    Charx,
    /// The same behind the picture as JPEG.
    JpegCharx,
}

/// A card file.
#[derive(Debug)]
pub(crate) struct Exported {
    /// The character's name.
    pub(crate) name: String,
    /// The file.
    pub(crate) bytes: Vec<u8>,
    /// What it doesn't have of the character.
    pub(crate) losses: Vec<Loss>,
}

impl Characters {
    /// A character as a card file, of its own specification unless another is asked for. A PNG carries the card as V2
    /// and V3 at once, and an archive as V3, whatever is asked for, so that every program finds what it reads.
    pub(crate) async fn export_character(
        &self,
        ctx: &Ctx,
        id: CharacterId,
        form: CardFile,
        spec: Option<Spec>,
    ) -> Result<Exported, Error> {
        let character = self.read_character(ctx, id).await?;
        let name = character.card.name().into_owned();
        let spec = spec.unwrap_or(character.card.spec());
        // Also for the others: what V1 can't hold is refused rather than exported as something else.
        let json = character.card.to_json(spec)?;
        if form == CardFile::Json {
            return Ok(Exported {
                name,
                bytes: json.into_bytes(),
                losses: losses_of_json(&character, spec),
            });
        }
        let portrait = self.picture(&character).await?;
        let (assets, missing) = self.assets(&character).await?;
        let card = character.card;
        let write = move || match form {
            CardFile::Charx => archive(&card, portrait.as_deref(), &assets),
            CardFile::JpegCharx => behind_jpeg(&card, portrait, &assets),
            CardFile::Png | CardFile::Json => with_card(&card, portrait, &assets),
        };
        let (bytes, mut losses) = self.tasks.spawn_blocking(write).await??;
        if missing > 0 {
            losses.push(Loss::Assets { count: missing });
        }
        if bytes.len() > MAX_FILE_BYTES {
            let max_bytes = MAX_FILE_BYTES;
            losses.push(Loss::TooLargeToImport { max_bytes });
        }
        Ok(Exported {
            name,
            bytes,
            losses,
        })
    }

    /// An asset of a character, and its file.
    pub(crate) async fn get_character_asset(
        &self,
        ctx: &Ctx,
        id: CharacterId,
        asset: AssetId,
    ) -> Result<(CharacterAsset, Vec<u8>), Error> {
        let character = self.read_character(ctx, id).await?;
        let mut assets = character.assets.into_iter();
        let asset = assets.find(|it| it.id == asset);
        let asset = asset.ok_or(Error::NotFound("asset"))?;
        let file = self.asset_files.find(asset.file_id).await?;
        Ok((asset, file.ok_or(Error::NotFound("asset"))?))
    }

    /// The assets of a character with their files, and how many have lost theirs.
    async fn assets(&self, character: &Character) -> Result<(Assets, usize), Error> {
        let ids: Vec<_> = character.asset_file_ids().into_iter().collect();
        let mut files = Vec::with_capacity(ids.len());
        for id in &ids {
            files.push(self.asset_files.find(*id).await?);
        }
        let mut assets = Vec::new();
        for asset in &character.assets {
            if let Ok(file) = ids.binary_search(&asset.file_id)
                && files[file].is_some()
            {
                let name = asset.name.clone();
                assets.push(Asset { name, file });
            }
        }
        let missing = character.assets.len() - assets.len();
        let files = files.into_iter().map(Option::unwrap_or_default).collect();
        Ok((Assets { assets, files }, missing))
    }
}

type Written = Result<(Vec<u8>, Vec<Loss>), CardError>;

fn archive(card: &Card, portrait: Option<&[u8]>, assets: &Assets) -> Written {
    Ok((card.to_charx(portrait, assets)?, Vec::new()))
}

/// JPEG is what such files are shown by; the archive has the picture as it is.
fn behind_jpeg(card: &Card, portrait: Option<Vec<u8>>, assets: &Assets) -> Written {
    let shown = portrait.clone().unwrap_or_else(Card::blank_png);
    let shown = match picture::jpeg(&shown) {
        Ok(jpeg) => jpeg,
        Err(_) => picture::jpeg(&Card::blank_png()).map_err(|_| CardError::BadHeader)?,
    };
    let archive = card.to_charx(portrait.as_deref(), assets)?;
    Ok(([shown, archive].concat(), Vec::new()))
}

/// A PNG, with the assets in chunks unless nobody could import it then.
fn with_card(card: &Card, portrait: Option<Vec<u8>>, assets: &Assets) -> Written {
    let picture = portrait.unwrap_or_else(Card::blank_png);
    let size: usize = assets.files.iter().map(Vec::len).sum();
    // Base64 takes four bytes for three.
    if size / 3 * 4 + picture.len() < MAX_FILE_BYTES {
        let whole = card.to_png_with(&picture, assets)?;
        if whole.len() <= MAX_FILE_BYTES {
            return Ok((whole, Vec::new()));
        }
    }
    let count = assets.assets.len();
    let losses = if count == 0 {
        Vec::new()
    } else {
        vec![Loss::Assets { count }]
    };
    Ok((card.to_png(&picture)?, losses))
}

fn losses_of_json(character: &Character, spec: Spec) -> Vec<Loss> {
    let mut losses = character.card.losses(spec);
    if character.avatar.is_some() {
        losses.push(Loss::Picture);
    }
    if !character.assets.is_empty() {
        let count = character.assets.len();
        losses.push(Loss::Assets { count });
    }
    losses
}
