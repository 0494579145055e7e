//! Pictures that cards come in: too large ones, damaged ones, photographs.

use troupe_proto::roleplay as pb;
use troupe_roleplay::domain::card::Card;

use crate::avatars::avatar;
use crate::card_files::files_in;
use crate::characters::export;
use crate::stage::{CARD, Stage};

/// A PNG of one colour in rows of one bit, with a card.
fn card_of_size(width: u32, height: u32) -> Vec<u8> {
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().unwrap();
    let bytes = (width as usize).div_ceil(8) * height as usize;
    writer.write_image_data(&vec![0xff; bytes]).unwrap();
    drop(writer);
    Card::from_json(CARD.as_bytes())
        .unwrap()
        .to_png(&picture)
        .unwrap()
}

/// The same file, whose chunks are whole and whose pixels aren't.
fn damaged(mut file: Vec<u8>) -> Vec<u8> {
    let pixels = file.windows(4).position(|it| it == b"IDAT").unwrap();
    let length = u32::from_be_bytes(file[pixels - 4..pixels].try_into().unwrap()) as usize;
    file[pixels + 4..pixels + 4 + length].fill(0);
    let sum = crc32fast::hash(&file[pixels..pixels + 4 + length]).to_be_bytes();
    file[pixels + 4 + length..pixels + 8 + length].copy_from_slice(&sum);
    file
}

#[tokio::test]
async fn a_damaged_portrait_is_kept_and_told() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let whole = alice.import(card_of_size(60, 40)).await.unwrap();
    assert_eq!(whole.warnings, Vec::<String>::new());
    let file = damaged(card_of_size(60, 40));
    let imported = alice.import(file.clone()).await.unwrap();
    let [warning] = &imported.warnings[..] else {
        panic!("{:?}", imported.warnings);
    };
    assert!(warning.starts_with("the picture is damaged"), "{warning}");
    let character = imported.character.unwrap();
    let (_, kept) = avatar(&alice, &character.id).await.unwrap();
    assert_eq!(size(&kept), (60, 40));
}

fn size(png: &[u8]) -> (u32, u32) {
    let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (side(16), side(20))
}

#[tokio::test]
async fn a_large_portrait_is_scaled_down_and_a_larger_one_refused() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let imported = alice.import(card_of_size(4_500, 600)).await.unwrap();
    assert_eq!(
        imported.warnings,
        ["the picture of 4500 x 600 pixels was scaled down"]
    );
    let character = imported.character.unwrap();
    let (_, png) = avatar(&alice, &character.id).await.unwrap();
    assert_eq!(size(&png), (2_250, 300));
    let (_, file) = export(&alice, &character.id, pb::CardFormat::Png, pb::CardSpec::V2)
        .await
        .unwrap();
    assert_eq!(
        alice.import(file).await.unwrap().warnings,
        Vec::<String>::new()
    );

    let mut bomb = card_of_size(100, 100);
    bomb[16..20].copy_from_slice(&100_000_u32.to_be_bytes());
    let header = crc32fast::hash(&bomb[12..29]).to_be_bytes();
    bomb[29..33].copy_from_slice(&header);
    let refused = alice.import(bomb).await.unwrap_err();
    assert!(
        refused.message().contains("100000 x 100 pixels"),
        "{refused}"
    );
    // A card counts for more than a picture that can't be read.
    let imported = alice
        .import(damaged(card_of_size(5_000, 10)))
        .await
        .unwrap();
    assert!(
        imported.warnings[0].contains("left out"),
        "{:?}",
        imported.warnings
    );
    assert!(!imported.character.unwrap().has_avatar);
    assert_eq!(files_in(&stage, "avatars"), 2);
}

#[tokio::test]
async fn a_photograph_with_a_card_becomes_a_portrait() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let json = CARD.as_bytes();
    let mut exif = b"Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x86\x92\x07\0".to_vec();
    exif.extend(u32::try_from(json.len() + 8).unwrap().to_le_bytes());
    exif.extend(26_u32.to_le_bytes());
    exif.extend([0; 4]);
    exif.extend(b"ASCII\0\0\0");
    exif.extend(json);
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new(&mut jpeg)
        .encode(&[128; 300], 10, 10, image::ExtendedColorType::Rgb8)
        .unwrap();
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let file = [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat();
    let imported = alice.import(file).await.unwrap();
    let character = imported.character.unwrap();
    assert_eq!(
        (character.name.as_str(), character.has_avatar),
        ("Mira", true)
    );
    let (kind, png) = avatar(&alice, &character.id).await.unwrap();
    assert_eq!((kind.as_str(), size(&png)), ("image/png", (10, 10)));
}
