//! CHARX: a ZIP archive of a V3 card and its assets, alone or behind a JPEG.

use std::collections::HashMap;

use super::archive::{self, Archive, MAX_UNPACKED_BYTES};
use super::asset::{self, Asset, AssetName, Assets};
use super::import::{Imported, MAX_DOCUMENT_BYTES, read_json};
use super::{Card, CardError, Spec, Warning};

const CARD: &str = "card.json";
/// RisuAI's scripts, triggers and lore in a form of its own.
const RISU_MODULE: &str = "module.risum";
/// Where an export has the portrait, unless the card brought its own.
const PORTRAIT: &str = "assets/icon/images/main.png";

/// Reads the archive at the end of a file; `None` if it is none, or has no card. `picture` is what stands before it.
pub(super) fn import(
    bytes: &[u8],
    picture: Option<&[u8]>,
    name: Option<&str>,
) -> Result<Option<Imported>, CardError> {
    let Some(mut archive) = Archive::find(bytes)? else {
        return Ok(None);
    };
    let Some(json) = archive.read(CARD, MAX_DOCUMENT_BYTES)? else {
        return match picture {
            Some(_) => Ok(None),
            None => Err(instead_of_card(&archive)),
        };
    };
    let mut warnings = Vec::new();
    let card = read_json(&json, &mut warnings)?.named(name)?;
    let names = card.asset_names();
    let read = |asset: &AssetName| match asset.path() {
        Some(path) => archive.read(path, MAX_UNPACKED_BYTES),
        None => Ok(None),
    };
    let assets = collect(names, read, &mut warnings)?;
    warn_of_others(&archive, &assets, &mut warnings);
    let icon = assets.main_icon().map(|icon| assets.content(icon).to_vec());
    Ok(Some(Imported {
        card,
        picture: icon.or_else(|| picture.map(<[u8]>::to_vec)),
        assets,
        warnings,
    }))
}

/// A file that was looked for.
pub(super) type Found = Result<Option<Vec<u8>>, CardError>;

/// The files of these assets, each read once. Those that aren't there are told of.
pub(super) fn collect(
    names: Vec<AssetName>,
    mut read: impl FnMut(&AssetName) -> Found,
    warnings: &mut Vec<Warning>,
) -> Result<Assets, CardError> {
    let mut assets = Assets::default();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut missing = 0;
    for name in names {
        if name.path().is_none() && name.chunk().is_none() {
            continue;
        }
        let file = match known.get(&name.uri) {
            Some(file) => *file,
            None => match read(&name)? {
                Some(content) => {
                    assets.files.push(content);
                    known.insert(name.uri.clone(), assets.files.len() - 1);
                    assets.files.len() - 1
                }
                None => {
                    missing += 1;
                    continue;
                }
            },
        };
        assets.assets.push(Asset { name, file });
    }
    if missing > 0 {
        warnings.push(Warning::MissingAssets { count: missing });
    }
    Ok(assets)
}

fn warn_of_others(archive: &Archive<'_>, assets: &Assets, warnings: &mut Vec<Warning>) {
    let known: Vec<&str> = assets
        .assets
        .iter()
        .filter_map(|it| it.name.path())
        .collect();
    let is_other = |path: &&str| *path != CARD && !known.contains(path);
    let (module, others): (Vec<&str>, Vec<&str>) = archive
        .paths()
        .filter(is_other)
        .partition(|path| *path == RISU_MODULE);
    if !module.is_empty() {
        warnings.push(Warning::RisuModule);
    }
    if !others.is_empty() {
        let count = others.len();
        warnings.push(Warning::UnnamedFiles { count });
    }
}

/// What an archive without a card is.
fn instead_of_card(archive: &Archive<'_>) -> CardError {
    let has = |path: &str| archive.paths().any(|it| it == path);
    let begins = |start: &str| archive.paths().any(|it| it.starts_with(start));
    let found = if has("manifest.json") && begins("characters/") {
        "it is a Backyard archive; export its character as a PNG card"
    } else if has("package.json") && begins("Characters/") {
        "it is a package of Voxta; export its character as a PNG card"
    } else {
        "it is a ZIP archive without card.json at its root; unpack it first"
    };
    CardError::NotACard { found }
}

impl Card {
    /// The card, its portrait and its assets as a CHARX file, which has the card as V3.
    ///
    /// # Errors
    /// The files can't be packed.
    pub fn to_charx(
        &self,
        portrait_png: Option<&[u8]>,
        assets: &Assets,
    ) -> Result<Vec<u8>, CardError> {
        write(self, portrait_png, assets)
    }
}

fn write(card: &Card, portrait_png: Option<&[u8]>, assets: &Assets) -> Result<Vec<u8>, CardError> {
    let mut paths = Paths::default();
    let mut uris = HashMap::new();
    let mut files: Vec<(String, &[u8])> = Vec::new();
    for asset in &assets.assets {
        if uris.contains_key(&asset.name.uri) {
            continue;
        }
        let path = paths.of(&asset.name);
        uris.insert(asset.name.uri.clone(), asset::uri_of_path(&path));
        files.push((path, assets.content(asset)));
    }
    let mut card = card.raised_to(Spec::V3).with_asset_uris(&uris);
    if let Some(portrait) = portrait_png.filter(|_| assets.main_icon().is_none()) {
        let path = paths.free(PORTRAIT.to_owned());
        card = card.with_main_icon(&asset::uri_of_path(&path));
        files.push((path, portrait));
    }
    let json = card.to_json(Spec::V3)?;
    let files = files
        .iter()
        .map(|(path, content)| (path.as_str(), *content));
    archive::write(std::iter::once((CARD, json.as_bytes())).chain(files))
}

/// Paths that are given out once each.
#[derive(Default)]
struct Paths {
    taken: std::collections::HashSet<String>,
}

impl Paths {
    /// The path that the asset had, or one by its kind.
    fn of(&mut self, asset: &AssetName) -> String {
        let old = asset
            .path()
            .filter(|path| archive::is_safe(path) && *path != CARD);
        if let Some(old) = old {
            return self.free(old.to_owned());
        }
        let plain = |text: &str, otherwise: &str| {
            let letters = text
                .chars()
                .filter(|it| it.is_ascii_alphanumeric() || "-_".contains(*it));
            let plain: String = letters.take(40).collect();
            if plain.is_empty() {
                otherwise.to_owned()
            } else {
                plain
            }
        };
        let kind = plain(&asset.kind, "other");
        let name = plain(&asset.name, "asset");
        let extension = plain(&asset.extension, "bin");
        self.free(format!("assets/{kind}/images/{name}.{extension}"))
    }

    fn free(&mut self, path: String) -> String {
        let mut free = path.clone();
        let mut number = 1;
        while !self.taken.insert(free.clone()) {
            number += 1;
            free = match path.rsplit_once('.') {
                Some((start, extension)) => format!("{start}-{number}.{extension}"),
                None => format!("{path}-{number}"),
            };
        }
        free
    }
}
