//! What a card shows and plays beside its picture: icons, emotions, backgrounds. The document names them; a file brings them along.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::Card;
use crate::domain::lenient::{self, Fields};

/// Most assets of one card.
pub const MAX_ASSETS: usize = 1_000;
/// How a CHARX file's own files are named; the first as the specification spells it.
const EMBEDDED: [&str; 2] = ["embeded://", "embedded://"];
/// How the chunks of a PNG are named, by specification and by RisuAI.
const CHUNK: &str = "__asset:";

/// An asset as the document names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetName {
    /// `icon`, `emotion`, `background`, `user_icon`, or a type of a program's own.
    pub kind: String,
    /// Its name among those of its kind, such as `main` or `happy`.
    pub name: String,
    /// The ending of its file's name, without a dot.
    pub extension: String,
    /// Where it is, as the document says.
    pub uri: String,
}

/// An asset with the file that a card brought along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// What it is.
    pub name: AssetName,
    /// Which of the files it is. Several may be the same.
    pub file: usize,
}

/// Assets and their files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assets {
    /// What the document names and the file has.
    pub assets: Vec<Asset>,
    /// The files, each once.
    pub files: Vec<Vec<u8>>,
}

impl Assets {
    /// The file of an asset.
    #[must_use]
    pub fn content(&self, asset: &Asset) -> &[u8] {
        self.files.get(asset.file).map_or(&[], Vec::as_slice)
    }

    /// The icon that stands for the character.
    #[must_use]
    pub fn main_icon(&self) -> Option<&Asset> {
        main_icon(&self.assets, |asset| &asset.name)
    }
}

/// Which of these stands for the character: the main icon, or else the first.
pub fn main_icon<T>(assets: &[T], name: impl Fn(&T) -> &AssetName) -> Option<&T> {
    let mut icons = assets.iter().filter(|it| name(it).kind == "icon");
    let first = icons.clone().next();
    icons.find(|it| name(it).name == "main").or(first)
}

impl AssetName {
    /// The path in a CHARX file, if it is in one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        EMBEDDED
            .iter()
            .find_map(|start| self.uri.strip_prefix(start))
    }

    /// What stands behind `chara-ext-asset_` in a PNG, if it is in one.
    #[must_use]
    pub fn chunk(&self) -> Option<&str> {
        self.uri.strip_prefix(CHUNK)
    }
}

/// Where a CHARX file has a file, as documents name it.
#[must_use]
pub(super) fn uri_of_path(path: &str) -> String {
    format!("{}{path}", EMBEDDED[0])
}

/// Where a PNG has a chunk, as documents name it.
#[must_use]
pub(super) fn uri_of_chunk(chunk: &str) -> String {
    format!("{CHUNK}{chunk}")
}

impl Card {
    /// The assets that the document names, those of RisuAI's V2 cards included; at most [`MAX_ASSETS`].
    #[must_use]
    pub fn asset_names(&self) -> Vec<AssetName> {
        let listed = self.fields().get("assets").and_then(Value::as_array);
        let listed = listed.into_iter().flatten().map(|asset| {
            let fields = Fields(asset.as_object());
            AssetName {
                kind: fields.text("type").into_owned(),
                name: fields.text("name").into_owned(),
                extension: fields.text("ext").into_owned(),
                uri: fields.text("uri").into_owned(),
            }
        });
        let risu = self.fields().object("extensions").object("risuai");
        let of_risu = |key, kind| {
            let pairs = risu.get(key).and_then(Value::as_array);
            let pairs = pairs.into_iter().flatten();
            pairs.filter_map(move |pair| risu_asset(pair, kind))
        };
        let emotions = of_risu("emotions", "emotion");
        let others = of_risu("additionalAssets", "x-risu-asset");
        let all = listed.chain(emotions).chain(others);
        all.filter(|asset| !asset.uri.is_empty())
            .take(MAX_ASSETS)
            .collect()
    }

    /// The card with its assets elsewhere: by their old URIs, the new ones.
    #[must_use]
    pub(super) fn with_asset_uris(&self, uris: &HashMap<String, String>) -> Self {
        let mut card = self.clone();
        let Some(fields) = card.fields_mut() else {
            return card;
        };
        let assets = fields.get_mut("assets").and_then(Value::as_array_mut);
        for asset in assets.into_iter().flatten() {
            if let Some(uri) = asset.get_mut("uri") {
                rename(uri, uris);
            }
        }
        let risu = fields.get_mut("extensions");
        let mut risu = risu.and_then(|extensions| extensions.get_mut("risuai"));
        for key in ["emotions", "additionalAssets"] {
            let pairs = risu.as_mut().and_then(|risu| risu.get_mut(key));
            let pairs = pairs.and_then(Value::as_array_mut);
            for pair in pairs.into_iter().flatten() {
                if let Some(uri) = pair.get_mut(1) {
                    rename(uri, uris);
                }
            }
        }
        card
    }

    /// The card with its portrait at this place, as its main icon.
    #[must_use]
    pub(super) fn with_main_icon(&self, uri: &str) -> Self {
        let mut card = self.clone();
        let Some(fields) = card.fields_mut() else {
            return card;
        };
        let assets = fields.entry("assets").or_insert_with(|| json!([]));
        if !assets.is_array() {
            *assets = json!([]);
        }
        let Some(assets) = assets.as_array_mut() else {
            return card;
        };
        let icon = |asset: &&mut Value| {
            let fields = Fields(asset.as_object());
            fields.text("type") == "icon" && fields.text("name") == "main"
        };
        match assets.iter_mut().find(icon).and_then(Value::as_object_mut) {
            Some(icon) => point(icon, uri),
            None => {
                let mut icon = Map::new();
                icon.insert("type".to_owned(), json!("icon"));
                icon.insert("name".to_owned(), json!("main"));
                point(&mut icon, uri);
                assets.insert(0, Value::Object(icon));
            }
        }
        card
    }
}

fn point(icon: &mut Map<String, Value>, uri: &str) {
    icon.insert("uri".to_owned(), json!(uri));
    icon.insert("ext".to_owned(), json!("png"));
}

fn rename(uri: &mut Value, uris: &HashMap<String, String>) {
    let new = uri.as_str().and_then(|old| uris.get(old));
    if let Some(new) = new {
        *uri = json!(new);
    }
}

/// A list of name, URI and perhaps the ending.
fn risu_asset(list: &Value, kind: &str) -> Option<AssetName> {
    let list = list.as_array()?;
    let text = |at: usize| list.get(at).map(lenient::text).unwrap_or_default();
    Some(AssetName {
        kind: kind.to_owned(),
        name: text(0).into_owned(),
        extension: text(2).into_owned(),
        uri: text(1).into_owned(),
    })
}
