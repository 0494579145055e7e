use serde_json::json;

use super::{super::*, card_chunk, chunk_json, picture, read, text_chunk, v2, v3};

#[test]
fn writes_both_chunks_and_reads_them_back() {
    let card = read(&v3());
    let file = card.to_png(&Card::blank_png()).unwrap();
    let imported = Card::import(&file).unwrap();
    assert_eq!(imported.card, card);
    assert_eq!(imported.warnings, []);
    assert_eq!(chunk_json(&file, "chara")["spec"], "chara_card_v2");
    assert_eq!(chunk_json(&file, "chara")["data"]["nickname"], "Bird");
    assert_eq!(chunk_json(&file, "ccv3")["spec"], "chara_card_v3");
}

#[test]
fn a_v2_card_comes_back_from_a_png_as_it_was() {
    let file = read(&v2()).to_png(&Card::blank_png()).unwrap();
    let back = Card::from_png(&file).unwrap();
    assert_eq!(back.to_json(Spec::V2).unwrap(), v2().to_string());
}

#[test]
fn replaces_old_cards_and_keeps_other_chunks() {
    let old = picture(&[
        card_chunk("Chara", &v2()),
        text_chunk("chara-ext-asset_:0", b"QUJD"),
        card_chunk("ccv3", &v2()),
        text_chunk("Software", b"a brush"),
    ]);
    let file = read(&v3()).to_png(&old).unwrap();
    let clean = Card::import(&file).unwrap().picture.unwrap();
    assert_eq!(
        clean,
        picture(&[
            text_chunk("chara-ext-asset_:0", b"QUJD"),
            text_chunk("Software", b"a brush")
        ])
    );
    assert_eq!(Card::import(&file).unwrap().warnings, []);
}

#[test]
fn ccv3_wins_and_of_several_the_first() {
    let mut other = v2();
    other["data"]["name"] = json!("Other");
    let both = picture(&[card_chunk("chara", &other), card_chunk("ccv3", &v3())]);
    assert_eq!(Card::from_png(&both).unwrap().name(), "Wren");
    let twice = picture(&[card_chunk("CHARA", &v2()), card_chunk("chara", &other)]);
    let imported = Card::import(&twice).unwrap();
    assert_eq!(imported.card.name(), "Wren");
    assert_eq!(
        imported.warnings,
        [Warning::DuplicateChunk { keyword: "chara" }]
    );
}

#[test]
fn reads_a_v3_object_under_chara_and_raw_json() {
    assert_eq!(
        Card::from_png(&picture(&[card_chunk("chara", &v3())]))
            .unwrap()
            .spec(),
        Spec::V3
    );
    let raw = picture(&[text_chunk("chara", v2().to_string().as_bytes())]);
    let imported = Card::import(&raw).unwrap();
    assert_eq!(imported.card.spec(), Spec::V2);
    assert_eq!(imported.warnings, [Warning::RawText]);
}

#[test]
fn takes_decorators_out_of_the_v2_copy_and_says_so() {
    let mut card = v3();
    card["data"]["character_book"]["entries"][0]["content"] =
        json!("@@depth 2\n@@@role user\nSharp.");
    let file = read(&card).to_png(&Card::blank_png()).unwrap();
    let chara = chunk_json(&file, "chara");
    assert_eq!(
        chara["data"]["character_book"]["entries"][0]["content"],
        "Sharp."
    );
    let notes = chara["data"]["creator_notes"].as_str().unwrap();
    assert!(
        notes.contains("Character Card V3") && notes.ends_with("be kind"),
        "{notes}"
    );
    assert_eq!(chunk_json(&file, "ccv3"), card);
}
