//! Archives of a card and its assets, ours and hostile ones.

use std::io::Write;

use flate2::{Compression, write::DeflateEncoder};
use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use serde_json::{Value, json};

use super::{super::*, picture, v3};
use crate::domain::card::archive;

const ICON: &[u8] = b"\x89PNG\r\n\x1a\nicon";
const HAPPY: &[u8] = b"RIFF\x04\0\0\0WEBPhappy";

/// A V3 card with an icon, two emotions of one file, a background elsewhere, and one that is missing.
fn card() -> Value {
    let asset = |kind: &str, name: &str, uri: &str| json!({"type": kind, "name": name, "uri": uri, "ext": "png"});
    let mut card = v3();
    card["data"]["assets"] = json!([
        asset("icon", "main", "embeded://assets/icon/images/main.png"),
        asset(
            "emotion",
            "happy",
            "embeded://assets/emotion/images/happy.webp"
        ),
        asset(
            "emotion",
            "glad",
            "embedded://assets/emotion/images/happy.webp"
        ),
        asset("background", "main", "https://example.com/sea.png"),
        asset("emotion", "sad", "embeded://assets/emotion/images/sad.png"),
    ]);
    card
}

fn files(card: &Value) -> Vec<(String, Vec<u8>)> {
    [
        ("card.json", card.to_string().into_bytes()),
        ("assets/icon/images/main.png", ICON.to_vec()),
        ("assets/emotion/images/happy.webp", HAPPY.to_vec()),
    ]
    .map(|(path, content)| (path.to_owned(), content))
    .into()
}

fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let files = files
        .iter()
        .map(|(path, content)| (path.as_str(), content.as_slice()));
    archive::write(files).unwrap()
}

/// An archive as no well-meaning program writes it: paths as they are, packed.
fn raw_zip(files: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut out = ZipArchiveWriter::new(Vec::new());
    for (path, content) in files {
        let file = out.new_file(EntryPath::verbatim(*path));
        let file = file.compression_method(CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start().unwrap();
        let packed = DeflateEncoder::new(&mut entry, Compression::best());
        let mut writer = config.wrap(packed);
        writer.write_all(content).unwrap();
        let (packed, descriptor) = writer.finish().unwrap();
        packed.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    out.finish().unwrap()
}

fn names(assets: &Assets) -> Vec<(&str, &str, &[u8])> {
    let assets_of = assets.assets.iter();
    assets_of
        .map(|it| {
            (
                it.name.kind.as_str(),
                it.name.name.as_str(),
                assets.content(it),
            )
        })
        .collect()
}

const EXPECTED: [(&str, &str, &[u8]); 3] = [
    ("icon", "main", ICON),
    ("emotion", "happy", HAPPY),
    ("emotion", "glad", HAPPY),
];

#[test]
fn a_card_comes_with_its_assets_and_says_what_is_missing() {
    let mut all = files(&card());
    all.push(("module.risum".into(), b"risu".to_vec()));
    all.push(("x_meta/1.json".into(), b"{}".to_vec()));
    let archive = zip(&all);
    let jpeg = [b"\xff\xd8\xff\xd9".as_slice(), &archive].concat();
    let program = [b"MZ a program that unpacks itself".as_slice(), &archive].concat();
    for file in [archive, jpeg, program] {
        let imported = Card::import(&file).unwrap();
        assert_eq!(Value::Object(imported.card.document().clone()), card());
        assert_eq!(names(&imported.assets), EXPECTED);
        assert_eq!(imported.assets.files.len(), 3);
        assert_eq!(imported.picture.as_deref(), Some(ICON));
        assert_eq!(
            imported.warnings,
            [
                Warning::MissingAssets { count: 1 },
                Warning::RisuModule,
                Warning::UnnamedFiles { count: 1 },
            ]
        );
    }
}

#[test]
fn behind_a_jpeg_the_picture_is_the_jpeg_unless_the_card_has_an_icon() {
    let jpeg = b"\xff\xd8\xff\xd9";
    let file = [
        jpeg.as_slice(),
        &zip(&[("card.json".into(), v3().to_string().into())]),
    ]
    .concat();
    let imported = Card::import(&file).unwrap();
    assert_eq!(imported.picture.as_deref(), Some(file.as_slice()));
}

#[test]
fn an_archive_we_write_is_read_as_it_was() {
    let imported = Card::import(&zip(&files(&card()))).unwrap();
    let file = imported.card.to_charx(None, &imported.assets).unwrap();
    let again = Card::import(&file).unwrap();
    assert_eq!(names(&again.assets), EXPECTED);
    // What an asset is called by two spellings is two files from now on.
    assert_eq!(
        again.card.asset_names().len(),
        imported.card.asset_names().len()
    );
    assert_eq!(again.picture.as_deref(), Some(ICON));

    let plain = super::read(&super::v2());
    let file = plain.to_charx(Some(ICON), &Assets::default()).unwrap();
    let again = Card::import(&file).unwrap();
    assert_eq!(again.picture.as_deref(), Some(ICON));
    assert_eq!((again.card.spec(), again.warnings), (Spec::V3, vec![]));
}

#[test]
fn assets_go_into_a_png_and_come_out_again() {
    let imported = Card::import(&zip(&files(&card()))).unwrap();
    let png = imported
        .card
        .to_png_with(&Card::blank_png(), &imported.assets)
        .unwrap();
    let again = Card::import(&png).unwrap();
    assert_eq!(names(&again.assets), EXPECTED);
    assert_eq!(
        again.picture.unwrap(),
        picture(&[]),
        "the picture has none of it"
    );
    let uris: Vec<_> = again
        .card
        .asset_names()
        .into_iter()
        .map(|it| it.uri)
        .collect();
    assert_eq!(uris[..2], ["__asset:0", "__asset:1"]);
    let charx = again.card.to_charx(None, &again.assets).unwrap();
    assert_eq!(names(&Card::import(&charx).unwrap().assets), EXPECTED);
}

#[test]
fn risu_s_v2_cards_have_assets_too() {
    let mut card = super::v2();
    card["data"]["extensions"]["risuai"] = json!({
        "emotions": [["happy", "__asset:0"], ["sad", "__asset:7"]],
        "additionalAssets": [["map", "__asset:1", "png"]],
    });
    let chunk = |keyword: &str, content: &[u8]| {
        use base64::{Engine, engine::general_purpose::STANDARD};
        super::text_chunk(keyword, STANDARD.encode(content).as_bytes())
    };
    let file = picture(&[
        chunk("chara-ext-asset_0", HAPPY),
        chunk("chara-ext-asset_:1", ICON),
        super::card_chunk("chara", &card),
    ]);
    let imported = Card::import(&file).unwrap();
    assert_eq!(
        names(&imported.assets),
        [("emotion", "happy", HAPPY), ("x-risu-asset", "map", ICON)]
    );
    assert_eq!(imported.warnings, [Warning::MissingAssets { count: 1 }]);
}

fn refusal(file: &[u8]) -> CardError {
    Card::import(file).unwrap_err()
}

#[test]
fn paths_that_lead_elsewhere_and_paths_that_come_twice_are_refused() {
    let json = card().to_string();
    let json = json.as_bytes();
    for path in [
        "../card.json",
        "/etc/passwd",
        "a/../../b",
        "a\\b",
        "a//b",
        "./a",
        "a\0b",
        "\u{1b}[2J",
    ] {
        let file = raw_zip(&[(b"card.json", json), (path.as_bytes(), b"x")]);
        assert!(
            matches!(refusal(&file), CardError::UnsafePath { .. }),
            "{path:?}"
        );
    }
    let not_utf8 = raw_zip(&[(b"card.json", json), (b"\xff\xfe", b"x")]);
    assert!(matches!(refusal(&not_utf8), CardError::UnsafePath { .. }));
    let twice = raw_zip(&[(b"card.json", json), (b"a", b"x"), (b"a", b"y")]);
    let path = "a".to_owned();
    assert_eq!(refusal(&twice), CardError::DuplicatePath { path });
}

#[test]
fn bombs_are_refused_after_a_bounded_amount_of_work() {
    let large = vec![b' '; 70 << 20];
    let json = card().to_string();
    let icon: &[u8] = b"assets/icon/images/main.png";
    let of_assets = raw_zip(&[(b"card.json", json.as_bytes()), (icon, &large)]);
    let of_cards = raw_zip(&[(b"card.json", &large)]);
    for bomb in [of_assets, of_cards] {
        assert!(bomb.len() < 200_000);
        assert!(matches!(refusal(&bomb), CardError::UnpackedTooLarge { .. }));
    }
    // Each is small enough, but not all of them together.
    let mut card = v3();
    let paths: Vec<String> = (0..20).map(|n| format!("assets/{n}.png")).collect();
    let assets = paths.iter().map(|path| {
        json!({"type": "emotion", "name": path, "uri": format!("embeded://{path}"), "ext": "png"})
    });
    card["data"]["assets"] = assets.collect();
    let json = card.to_string();
    let mut files: Vec<(&[u8], &[u8])> = vec![(b"card.json", json.as_bytes())];
    files.extend(
        paths
            .iter()
            .map(|path| (path.as_bytes(), &large[..4 << 20])),
    );
    assert!(matches!(
        refusal(&raw_zip(&files)),
        CardError::UnpackedTooLarge { .. }
    ));
    // One file that is named a thousand times is one file.
    let one = json!({"type": "emotion", "name": "x", "uri": "embeded://a.png", "ext": "png"});
    card["data"]["assets"] = vec![one; 2_000].into();
    let json = card.to_string();
    let file = raw_zip(&[
        (b"card.json", json.as_bytes()),
        (b"a.png", &large[..9 << 20]),
    ]);
    let imported = Card::import(&file).unwrap();
    assert_eq!(
        (imported.assets.assets.len(), imported.assets.files.len()),
        (MAX_ASSETS, 1)
    );
    let names: Vec<Vec<u8>> = (0..5_000).map(|n| format!("{n}").into_bytes()).collect();
    let many: Vec<(&[u8], &[u8])> = names
        .iter()
        .map(|name| (name.as_slice(), &b""[..]))
        .collect();
    assert!(matches!(
        refusal(&raw_zip(&many)),
        CardError::TooManyFiles { .. }
    ));
}

#[test]
fn damaged_and_encrypted_archives_are_refused_and_none_panics() {
    let whole = zip(&files(&card()));
    let icon = whole.windows(4).position(|it| it == b"icon".as_slice());
    let content = whole.windows(ICON.len()).position(|it| it == ICON).or(icon);
    let mut damaged = whole.clone();
    damaged[content.unwrap()] ^= 1;
    assert!(matches!(
        refusal(&damaged),
        CardError::DamagedArchive { .. }
    ));
    let mut locked = whole.clone();
    let directory = whole.windows(4).position(|it| it == b"PK\x01\x02").unwrap();
    locked[directory + 8] |= 1;
    assert_eq!(refusal(&locked), CardError::EncryptedArchive);
    for length in (0..whole.len()).step_by(7) {
        let _ = Card::import(&whole[..length]);
    }
    for at in (0..whole.len()).step_by(3) {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut odd = whole.clone();
            odd[at] = byte;
            let _ = Card::import(&odd);
        }
    }
}

#[test]
fn archives_without_a_card_are_named() {
    let of = |paths: &[&str]| {
        let files: Vec<_> = paths
            .iter()
            .map(|path| ((*path).to_owned(), b"{}".to_vec()))
            .collect();
        refusal(&zip(&files)).to_string()
    };
    assert!(of(&["manifest.json", "characters/a/character.json"]).contains("Backyard"));
    assert!(of(&["package.json", "Characters/a/character.json"]).contains("Voxta"));
    assert!(of(&["a/card.json"]).contains("card.json at its root"));
}

#[test]
fn an_export_says_what_it_does_not_have() {
    let mut file = card();
    file["data"]["character_book"]["entries"][0]["content"] = json!("@@depth 2\nSharp.");
    let card = super::read(&file);
    assert_eq!(card.losses(Spec::V3), []);
    let fields = vec!["nickname", "assets", "group_only_greetings"];
    assert_eq!(
        card.losses(Spec::V2),
        [Loss::Decorators, Loss::Ignored { fields }]
    );
    assert_eq!(super::read(&super::v2()).losses(Spec::V2), []);
}
