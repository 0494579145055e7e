//! Character cards V1, V2 and V3 and their older cousins, from the files that they are in.
//!
//! The card's JSON document is the truth: views read it, edits patch it, and what we don't know
//! stays in it, in its order. Pictures are handled as chunks; no pixel is decoded here.

mod archive;
mod asset;
mod blank_png;
mod carried;
mod charx;
mod convert;
mod encoded;
mod error;
mod exif;
mod export;
mod import;
mod jpeg;
mod layout;
mod loss;
mod native;
mod patch;
mod png;
mod scan;
mod stranger;
mod text_chunk;
mod view;
mod warning;
mod webp;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use self::layout::Layout;
pub use self::{
    asset::{Asset, AssetName, Assets, MAX_ASSETS, main_icon},
    error::CardError,
    import::{Imported, MAX_DOCUMENT_BYTES, MAX_FILE_BYTES},
    layout::{Spec, TextField},
    loss::Loss,
    patch::CardPatch,
    png::{MAX_DIMENSION, MAX_SOURCE_DIMENSION, MAX_TEXT_CHUNK_BYTES, picture_alone},
    view::DepthPrompt,
    warning::Warning,
};

/// A character card. Its name is not blank, and no text in it contains NUL.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    document: Map<String, Value>,
    layout: Layout,
}

impl Card {
    /// The specification that the card's document follows.
    #[must_use]
    pub fn spec(&self) -> Spec {
        self.layout.spec()
    }

    /// The whole document, unknown fields included.
    #[must_use]
    pub fn document(&self) -> &Map<String, Value> {
        &self.document
    }
}
