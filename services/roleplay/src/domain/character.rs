//! Characters: imported cards and what is kept beside them.

use std::collections::BTreeSet;

use platform::Timestamp;

use super::avatar::AvatarVersion;
use super::card::{AssetName, Card, TextField, main_icon};
use super::ids::{AssetFileId, AssetId, CharacterId, UserId};
use super::search::folded;
use super::sharing::Sharing;

/// A character: a card that somebody imported.
#[derive(Debug, Clone, PartialEq)]
pub struct Character {
    /// Its id.
    pub id: CharacterId,
    /// Whose it is.
    pub owner_id: UserId,
    /// The card.
    pub card: Card,
    /// Its picture, if it has one.
    pub avatar: Option<AvatarVersion>,
    /// What it has beside its picture, in the order of its card.
    pub assets: Vec<CharacterAsset>,
    /// How it is shared.
    pub sharing: Sharing,
    /// When it was imported.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
}

impl Character {
    /// The files of its assets, each once.
    #[must_use]
    pub fn asset_file_ids(&self) -> BTreeSet<AssetFileId> {
        self.assets.iter().map(|asset| asset.file_id).collect()
    }

    /// Lets go of the icon that stands for it among its assets: another picture does, or none.
    pub fn take_main_icon(&mut self) -> Option<CharacterAsset> {
        let id = main_icon(&self.assets, |asset| &asset.name)?.id;
        let place = self.assets.iter().position(|asset| asset.id == id)?;
        Some(self.assets.remove(place))
    }
}

/// A file that a character has beside its picture, such as an emotion or a background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CharacterAsset {
    /// Its id.
    pub id: AssetId,
    /// What the card calls it.
    pub name: AssetName,
    /// The file; several assets may be of one.
    pub file_id: AssetFileId,
    /// What the file's bytes are.
    pub media_type: String,
    /// Bytes of the file.
    pub size_bytes: i64,
}

/// What a file's bytes are. Only what can be shown and played without running anything has a type of its own.
#[must_use]
pub fn media_type(bytes: &[u8]) -> &'static str {
    const KNOWN: [(usize, &[u8], &str); 12] = [
        (0, b"\x89PNG\r\n\x1a\n", "image/png"),
        (0, b"\xff\xd8\xff", "image/jpeg"),
        (8, b"WEBP", "image/webp"),
        (0, b"GIF8", "image/gif"),
        (4, b"ftypavif", "image/avif"),
        (4, b"ftyp", "video/mp4"),
        (0, b"\x1a\x45\xdf\xa3", "video/webm"),
        (0, b"ID3", "audio/mpeg"),
        (0, b"\xff\xfb", "audio/mpeg"),
        (0, b"OggS", "audio/ogg"),
        (0, b"fLaC", "audio/flac"),
        (8, b"WAVE", "audio/wav"),
    ];
    let begins = |at: usize, mark: &[u8]| bytes.get(at..).is_some_and(|it| it.starts_with(mark));
    let known = KNOWN.iter().find(|(at, mark, _)| begins(*at, mark));
    known.map_or("application/octet-stream", |(_, _, media_type)| media_type)
}

/// What a search looks at: name, creator and tags of a card, folded.
#[must_use]
pub fn searched_text(card: &Card) -> String {
    let mut parts = vec![
        card.name(),
        card.text(TextField::Nickname),
        card.text(TextField::Creator),
    ];
    parts.extend(card.tags());
    folded(&parts.join("\n"))
}
