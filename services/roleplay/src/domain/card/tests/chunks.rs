//! Cards in chunks of every kind, good and bad ones side by side.

use super::{
    super::*, card_chunk, compressed_chunk, encoded, international_chunk, named, picture,
    text_chunk, v2, v3,
};
use crate::domain::card::png::{SIGNATURE, push_chunk};

fn import(chunks: &[([u8; 4], Vec<u8>)]) -> Imported {
    Card::import(&picture(chunks)).unwrap()
}

fn is_skipped(warning: &Warning, expected: &str) -> bool {
    matches!(warning, Warning::SkippedCard { place, .. } if *place == expected)
}

#[test]
fn a_card_is_read_from_every_kind_of_text_chunk() {
    for keyword in ["chara", "ccv3", "Chara"] {
        for chunk in [
            compressed_chunk(keyword, &encoded(&v3())),
            international_chunk(keyword, &encoded(&v3()), false),
            international_chunk(keyword, &encoded(&v3()), true),
        ] {
            let kind = String::from_utf8(chunk.0.to_vec()).unwrap();
            let imported = import(&[chunk]);
            assert_eq!(imported.card, super::read(&v3()), "{keyword} in {kind}");
            assert_eq!(imported.warnings, [], "{keyword} in {kind}");
        }
    }
    let raw = import(&[compressed_chunk("chara", v2().to_string().as_bytes())]);
    assert_eq!(raw.warnings, [Warning::RawText]);
    // Some writers end a text as C does.
    let ended = [&encoded(&v3())[..], b"\n\0\0"].concat();
    let ended = import(&[international_chunk("ccv3", &ended, false)]);
    assert_eq!((ended.card, ended.warnings), (super::read(&v3()), vec![]));
}

#[test]
fn the_newer_card_wins_whatever_its_chunk_and_an_export_has_one_of_each() {
    let file = picture(&[
        card_chunk("chara", &named("Old")),
        compressed_chunk("ccv3", &encoded(&v3())),
    ]);
    let imported = Card::import(&file).unwrap();
    assert_eq!(imported.card.name(), "Wren");
    let exported = imported.card.to_png(&file).unwrap();
    let png = png::Png::read(&exported).unwrap();
    let mut keywords: Vec<_> = png
        .chunks
        .iter()
        .filter_map(|it| it.card_keyword())
        .collect();
    keywords.sort_unstable();
    assert_eq!(keywords, ["ccv3", "chara"]);
    assert_eq!(Card::import(&exported).unwrap().card.name(), "Wren");
}

#[test]
fn a_good_card_is_read_beside_a_newer_one_that_is_broken_or_empty() {
    let mut cut = encoded(&named("Cut"));
    cut.truncate(60);
    let mut damaged = card_chunk("ccv3", &named("Damaged"));
    damaged.0 = *b"zTXt";
    let nameless = named(" ");
    let bare = serde_json::json!({"spec": "chara_card_v3", "data": {"name": "Bare"}});
    for bad in [
        text_chunk("ccv3", b""),
        text_chunk("ccv3", b" \n"),
        text_chunk("ccv3", b"{}"),
        text_chunk("ccv3", &cut),
        text_chunk("ccv3", b"!!!"),
        damaged,
        card_chunk("ccv3", &nameless),
        card_chunk("ccv3", &bare),
    ] {
        for chunks in [
            [bad.clone(), card_chunk("chara", &v2())],
            [card_chunk("chara", &v2()), bad.clone()],
            [bad.clone(), compressed_chunk("CCV3", &encoded(&v2()))],
        ] {
            let imported = import(&chunks);
            assert_eq!(imported.card.name(), "Wren");
            let skipped = imported.warnings.iter().filter(|it| is_skipped(it, "ccv3"));
            assert_eq!(skipped.count(), 1, "{:?}", imported.warnings);
        }
        // Alone, it says what is wrong with it.
        let name = Card::import(&picture(&[bad])).map(|imported| imported.card.name().into_owned());
        assert!(
            name.as_deref().map_or(true, |name| name == "Bare"),
            "{name:?}"
        );
    }
}

#[test]
fn a_given_name_is_for_a_card_without_one() {
    let nameless = picture(&[card_chunk("chara", &named(""))]);
    assert_eq!(Card::import(&nameless).unwrap_err(), CardError::EmptyName);
    let blank = Card::import_named(&nameless, Some(" "));
    assert_eq!(blank.unwrap_err(), CardError::EmptyName);
    let imported = Card::import_named(&nameless, Some("Wren")).unwrap();
    assert_eq!(imported.card, super::read(&v2()));
    assert_eq!(imported.warnings, []);
    let other = Card::import_named(&picture(&[card_chunk("chara", &v2())]), Some("Other"));
    assert_eq!(other.unwrap().card.name(), "Wren");
}

#[test]
fn base64_is_read_in_both_alphabets_with_breaks_and_without_padding() {
    let card = named("\u{7ff}\u{3ff}~~???>>>");
    let text = String::from_utf8(encoded(&card)).unwrap();
    assert!(text.contains('+') || text.contains('/'), "{text}");
    let safe = text.replace('+', "-").replace('/', "_");
    let bare = safe.trim_end_matches('=');
    let broken: Vec<u8> = text
        .as_bytes()
        .chunks(76)
        .collect::<Vec<_>>()
        .join(&b"\r\n"[..]);
    for text in [safe.as_bytes(), bare.as_bytes(), &broken] {
        let imported = import(&[text_chunk("chara", text)]);
        assert_eq!(imported.card, super::read(&card));
    }
}

#[test]
fn json_as_it_is_may_be_marked_or_in_the_encoding_of_png() {
    let card = named("Wr\u{e9}n");
    let json = card.to_string();
    let latin: Vec<u8> = json.chars().map(|it| u8::try_from(it).unwrap()).collect();
    let marked = format!("\u{feff} {json}\n");
    for text in [json.as_bytes(), &latin, marked.as_bytes()] {
        for chunk in [text_chunk("chara", text), compressed_chunk("chara", text)] {
            let imported = import(&[chunk]);
            assert_eq!(imported.card, super::read(&card));
            assert_eq!(imported.warnings, [Warning::RawText]);
        }
    }
}

#[test]
fn a_card_may_stand_anywhere_in_a_picture() {
    let whole = picture(&[card_chunk("chara", &v2())]);
    let png = png::Png::read(&whole).unwrap();
    let is_card = |chunk: &&png::Chunk<'_>| chunk.card_keyword().is_some();
    let card = png.chunks.iter().find(is_card).unwrap();
    let others: Vec<_> = png.chunks.iter().filter(|it| !is_card(it)).collect();
    for place in 1..others.len() {
        let mut file = SIGNATURE.to_vec();
        for (at, chunk) in others.iter().enumerate() {
            if at == place {
                push_chunk(&mut file, card.kind, &[card.data]);
            }
            push_chunk(&mut file, chunk.kind, &[chunk.data]);
        }
        assert_eq!(Card::import(&file).unwrap().card.name(), "Wren", "{place}");
    }
}

/// The picture with a chunk before its pixels whose checksum is wrong.
fn with_wrong_checksum(kind: [u8; 4], data: &[u8], file: &[u8]) -> Vec<u8> {
    let header = SIGNATURE.len() + 25;
    let mut out = file[..header].to_vec();
    push_chunk(&mut out, kind, &[data]);
    let last = out.len() - 1;
    out[last] ^= 1;
    out.extend_from_slice(&file[header..]);
    out
}

#[test]
fn a_wrong_checksum_matters_where_the_picture_or_the_card_is() {
    let good = picture(&[card_chunk("chara", &v2())]);
    let imported = Card::import(&with_wrong_checksum(*b"pHYs", &[0; 9], &good)).unwrap();
    assert_eq!(imported.card.name(), "Wren");
    let kind = "pHYs".to_owned();
    assert_eq!(imported.warnings, [Warning::DamagedChunk { kind }]);
    // What is damaged is not made to look sound.
    assert_eq!(imported.picture.unwrap(), picture(&[]));

    let old = with_wrong_checksum(*b"tEXt", &card_chunk("ccv3", &named("Old")).1, &good);
    let imported = Card::import(&old).unwrap();
    assert_eq!(imported.card.name(), "Wren");
    assert!(imported.warnings.iter().any(|it| is_skipped(it, "ccv3")));

    let palette = with_wrong_checksum(*b"PLTE", &[0; 6], &good);
    let kind = "PLTE".to_owned();
    assert_eq!(
        Card::import(&palette).unwrap_err(),
        CardError::BadCrc { kind }
    );
}

#[test]
fn a_name_that_stands_only_at_the_root_is_the_name() {
    for key in ["name", "char_name"] {
        let mut card = named("");
        card[key] = serde_json::json!("Wren");
        let imported = Card::import(card.to_string().as_bytes()).unwrap();
        assert_eq!(imported.card.document()["data"]["name"], "Wren");
        assert_eq!(imported.warnings, [Warning::NameAtRoot]);
    }
    let mut card = v2();
    card["name"] = serde_json::json!("Other");
    assert_eq!(super::read(&card).name(), "Wren");
}
