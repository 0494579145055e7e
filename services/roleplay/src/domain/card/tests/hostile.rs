use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{super::*, card_chunk, compressed_chunk, picture, text_chunk, v2};

fn refusal(bytes: &[u8]) -> CardError {
    Card::import(bytes).unwrap_err()
}

#[test]
fn refuses_what_is_no_card() {
    assert_eq!(refusal(b""), CardError::Empty);
    assert_eq!(refusal(b"\xef\xbb\xbf \r\n"), CardError::Empty);
    assert_eq!(refusal(b"GIF89a"), CardError::UnknownFormat);
    assert!(matches!(refusal(b"[1]"), CardError::NotACard { .. }));
    assert!(matches!(
        refusal(b"{\"hello\": 1}"),
        CardError::NotACard { .. }
    ));
    let lorebook = json!({"spec": "lorebook_v3", "data": {"name": "x", "entries": []}});
    assert!(matches!(
        refusal(lorebook.to_string().as_bytes()),
        CardError::NotACard { .. }
    ));
    assert_eq!(refusal(&picture(&[])), CardError::NoCardInPicture);
}

#[test]
fn refuses_card_with_bad_crc() {
    let mut file = picture(&[card_chunk("chara", &v2())]);
    let end = file.len() - 20;
    file[end] ^= 1;
    assert_eq!(
        refusal(&file),
        CardError::BadCrc {
            kind: "tEXt".into()
        }
    );
}

#[test]
fn refuses_png_that_is_cut_off_or_claims_more_than_it_has() {
    let file = picture(&[card_chunk("chara", &v2())]);
    for length in [8, 10, 20, 33, file.len() - 13, file.len() - 1] {
        assert_eq!(refusal(&file[..length]), CardError::Truncated, "{length}");
    }
    let mut overrun = file;
    overrun[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(refusal(&overrun), CardError::Truncated);
}

#[test]
fn refuses_card_text_over_the_cap_but_no_other_text() {
    let large = vec![b'A'; MAX_TEXT_CHUNK_BYTES + 1];
    let file = picture(&[text_chunk("chara", &large)]);
    assert!(matches!(refusal(&file), CardError::ChunkTooLarge { .. }));
    let other = picture(&[text_chunk("Comment", &large), card_chunk("chara", &v2())]);
    assert!(Card::import(&other).is_ok());
}

#[test]
fn refuses_picture_with_more_pixels_than_are_scaled_down() {
    let mut header = 16_385_u32.to_be_bytes().to_vec();
    header.extend_from_slice(&[0, 0, 0, 1, 8, 2, 0, 0, 0]);
    let mut file = super::super::png::SIGNATURE.to_vec();
    super::super::png::push_chunk(&mut file, *b"IHDR", &[&header]);
    super::super::png::push_chunk(&mut file, *b"IEND", &[]);
    assert_eq!(
        refusal(&file),
        CardError::DimensionsTooLarge {
            width: 16_385,
            height: 1,
            max: 4_096
        }
    );
}

#[test]
fn refuses_text_that_is_unpacked_to_more_than_a_card() {
    let bomb = compressed_chunk("ccv3", &vec![b' '; 40 << 20]);
    assert!(bomb.1.len() < 100_000);
    let started = std::time::Instant::now();
    let many = vec![bomb; 300];
    assert!(matches!(
        refusal(&picture(&many)),
        CardError::UnpackedTooLarge { .. }
    ));
    // Only a few are looked at: all of them would be 12 GB.
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn refuses_compressed_text_that_is_damaged() {
    for (kind, data) in [
        (*b"zTXt", b"chara\0\0xyz".to_vec()),
        (*b"zTXt", b"chara\0\x01xyz".to_vec()),
        (*b"iTXt", b"chara\0\x01\0\0\0xyz".to_vec()),
    ] {
        let kind_shown = String::from_utf8(kind.to_vec()).unwrap();
        assert_eq!(
            refusal(&picture(&[(kind, data)])),
            CardError::BadCompression { kind: kind_shown }
        );
    }
    for data in [
        b"chara\0".to_vec(),
        b"chara\0\0".to_vec(),
        b"chara\0\0\0en".to_vec(),
    ] {
        assert_eq!(refusal(&picture(&[(*b"iTXt", data)])), CardError::Truncated);
    }
}

#[test]
fn refuses_encrypted_card() {
    let file = picture(&[text_chunk("chara", b"rcc||rccv1||abc||def")]);
    assert_eq!(refusal(&file), CardError::Encrypted);
}

#[test]
fn refuses_bad_base64_and_bad_utf8() {
    assert_eq!(
        refusal(&picture(&[text_chunk("chara", b"!!!!")])),
        CardError::BadBase64
    );
    assert_eq!(refusal(b"{\"name\": \"\xff\"}"), CardError::InvalidUtf8);
}

#[test]
fn names_utf16_in_files_and_in_pictures() {
    let units: Vec<u16> = v2().to_string().encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    let marked = [b"\xff\xfe".to_vec(), little.clone()].concat();
    for text in [little, big, marked] {
        assert_eq!(refusal(&text), CardError::Utf16);
        let packed = STANDARD.encode(&text);
        let file = picture(&[text_chunk("chara", packed.as_bytes())]);
        assert_eq!(refusal(&file), CardError::Utf16);
    }
}

#[test]
fn refuses_nul_written_or_escaped() {
    assert_eq!(refusal(b"{\"name\": \"a\0b\"}"), CardError::Nul);
    assert_eq!(
        refusal(br#"{"name": "a\u0000b", "first_mes": ""}"#),
        CardError::Nul
    );
}

#[test]
fn refuses_json_nested_too_deep_or_with_too_many_values() {
    let deep = format!(
        "{{\"name\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(matches!(
        refusal(deep.as_bytes()),
        CardError::TooDeep { .. }
    ));
    let wide = format!("{{\"name\": [{}0]}}", "0,".repeat(300_000));
    assert!(matches!(
        refusal(wide.as_bytes()),
        CardError::TooManyValues { .. }
    ));
}

#[test]
fn refuses_broken_json_and_says_where() {
    assert_eq!(
        refusal(b"{\n\"name\": }"),
        CardError::BadJson { line: 2, column: 9 }
    );
}

#[test]
fn refuses_card_without_a_name() {
    let mut card = v2();
    card["data"]["name"] = json!(" \n");
    assert_eq!(refusal(card.to_string().as_bytes()), CardError::EmptyName);
}

#[test]
fn refuses_files_and_documents_that_are_too_large() {
    assert!(matches!(
        refusal(&vec![b'{'; MAX_FILE_BYTES + 1]),
        CardError::FileTooLarge { .. }
    ));
    let text = format!("{{\"name\": \"{}\"}}", "a".repeat(MAX_DOCUMENT_BYTES));
    assert!(matches!(
        refusal(text.as_bytes()),
        CardError::DocumentTooLarge { .. }
    ));
}
