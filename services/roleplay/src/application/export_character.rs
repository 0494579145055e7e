//! Exports a character as a card.

use mesh::Ctx;

use super::{Characters, Error};
use crate::domain::card::{Card, Spec};
use crate::domain::ids::CharacterId;

/// A form of card files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CardFile {
    /// The picture with the card in it.
    Png,
    /// JSON alone.
    Json,
}

/// A card file.
#[derive(Debug)]
pub(crate) struct Exported {
    /// The character's name.
    pub(crate) name: String,
    /// The file.
    pub(crate) bytes: Vec<u8>,
}

impl Characters {
    /// A character as a card file, of its own specification unless another is asked for. A PNG carries the card as V2
    /// and V3 at once, whatever is asked for, so that every program finds what it reads.
    pub(crate) async fn export_character(
        &self,
        ctx: &Ctx,
        id: CharacterId,
        form: CardFile,
        spec: Option<Spec>,
    ) -> Result<Exported, Error> {
        let character = self.get_character(ctx, id).await?;
        let name = character.card.name().into_owned();
        let spec = spec.unwrap_or(character.card.spec());
        if form == CardFile::Json {
            let bytes = character.card.to_json(spec)?.into_bytes();
            return Ok(Exported { name, bytes });
        }
        // Also for a PNG: what V1 can't hold is refused rather than exported as something else.
        character.card.to_json(spec)?;
        let picture = self
            .picture(&character)
            .await?
            .unwrap_or_else(Card::blank_png);
        let write = move || character.card.to_png(&picture);
        let bytes = self.host.tasks.spawn_blocking(write).await??;
        Ok(Exported { name, bytes })
    }
}
