//! Writes a card as JSON or into a PNG.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    Assets, Card, CardError, Spec, asset,
    blank_png::blank_png,
    convert,
    png::{ASSET_PREFIX, MAX_TEXT_CHUNK_BYTES, Png},
};

impl Card {
    /// The card as compact JSON of `spec`; of its own specification, the document unchanged.
    /// A V3 card as V2 keeps all fields, but its lorebook loses the decorators.
    ///
    /// # Errors
    /// [`Downgrade`](CardError::Downgrade) if a V2 or V3 card is asked for as V1.
    pub fn to_json(&self, spec: Spec) -> Result<String, CardError> {
        if spec == Spec::V1 && self.spec() != Spec::V1 {
            return Err(CardError::Downgrade);
        }
        Ok(Value::Object(self.document_as(spec)).to_string())
    }

    /// The picture with the card in it: V2 under `chara` and V3 under `ccv3`, as SillyTavern
    /// writes both. Cards that the picture had are replaced; its other chunks are kept.
    ///
    /// # Errors
    /// The picture is no PNG or is damaged, or the card is too large for a text chunk.
    pub fn to_png(&self, avatar_png: &[u8]) -> Result<Vec<u8>, CardError> {
        self.to_png_with(avatar_png, &Assets::default())
    }

    /// As [`to_png`](Self::to_png), with assets in chunks of their own.
    ///
    /// # Errors
    /// As [`to_png`](Self::to_png).
    pub fn to_png_with(&self, avatar_png: &[u8], assets: &Assets) -> Result<Vec<u8>, CardError> {
        let (uris, mut texts) = asset_chunks(assets);
        let card = self.with_asset_uris(&uris);
        texts.push(("chara".to_owned(), card.to_chunk_text(Spec::V2)?));
        texts.push(("ccv3".to_owned(), card.to_chunk_text(Spec::V3)?));
        Ok(Png::read(avatar_png)?.with_texts(&texts))
    }

    /// A plain portrait for a card that has no picture.
    #[must_use]
    pub fn blank_png() -> Vec<u8> {
        blank_png()
    }

    pub(super) fn to_own_json(&self) -> String {
        // Serialising a map of values can't fail: its keys are strings.
        serde_json::to_string(&self.document).unwrap_or_default()
    }

    pub(super) fn document_as(&self, spec: Spec) -> Map<String, Value> {
        let document = self.document.clone();
        match (self.spec(), spec) {
            (own, spec) if own == spec && (own == Spec::V1 || document.contains_key("spec")) => {
                document
            }
            (Spec::V1, Spec::V2) => convert::nest(document, self.layout),
            (Spec::V1, spec) => convert::retarget(convert::nest(document, self.layout), spec),
            (_, spec) => convert::retarget(document, spec),
        }
    }

    fn to_chunk_text(&self, spec: Spec) -> Result<String, CardError> {
        let text = STANDARD.encode(self.to_json(spec)?);
        // The chunk also holds the keyword and a NUL.
        let size_bytes = text.len() + "chara\0".len();
        if size_bytes > MAX_TEXT_CHUNK_BYTES {
            return Err(CardError::ChunkTooLarge {
                size_bytes,
                max_bytes: MAX_TEXT_CHUNK_BYTES,
            });
        }
        Ok(text)
    }
}

/// The chunks of these assets, and the URIs by which a card in the same picture names them.
fn asset_chunks(assets: &Assets) -> (HashMap<String, String>, Vec<(String, String)>) {
    let (mut uris, mut texts) = (HashMap::new(), Vec::new());
    for asset in &assets.assets {
        if uris.contains_key(&asset.name.uri) {
            continue;
        }
        let number = texts.len().to_string();
        uris.insert(asset.name.uri.clone(), asset::uri_of_chunk(&number));
        let text = STANDARD.encode(assets.content(asset));
        texts.push((format!("{ASSET_PREFIX}:{number}"), text));
    }
    (uris, texts)
}
