mod charx;
mod chunks;
mod edits;
mod exif;
mod hostile;
mod json;
mod kinds;
mod png;
mod properties;

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::ZlibEncoder};
use serde_json::{Value, json};

use super::{
    Card,
    png::{Png, push_chunk},
};

/// A V2 card with an unknown field at every level.
fn v2() -> Value {
    json!({
        "spec": "chara_card_v2",
        "spec_version": "2.0",
        "data": {
            "name": "Wren",
            "description": "{{char}} keeps a lighthouse.",
            "personality": "dry",
            "scenario": "",
            "first_mes": "The lamp is lit.",
            "mes_example": "",
            "creator_notes": "be kind",
            "system_prompt": "",
            "post_history_instructions": "",
            "alternate_greetings": ["Fog again."],
            "tags": ["sea"],
            "creator": "us",
            "character_version": "1",
            "extensions": {"x": {"deep": [1, null, {"big": 9_007_199_254_740_993_u64}]}},
            "unknown": true,
            "character_book": {
                "name": "Coast",
                "extensions": {"y": 0.1},
                "entries": [{
                    "keys": ["reef"],
                    "content": "The reef is sharp.",
                    "enabled": true,
                    "insertion_order": 10,
                    "extensions": {"z": "kept"},
                    "odd": 18_446_744_073_709_551_615_u64
                }]
            }
        },
        "root_extra": [1.5e-7]
    })
}

fn v3() -> Value {
    let mut card = v2();
    card["spec"] = json!("chara_card_v3");
    card["spec_version"] = json!("3.0");
    card["data"]["nickname"] = json!("Bird");
    card["data"]["group_only_greetings"] = json!(["Hello, all."]);
    card["data"]["character_book"]["entries"][0]["use_regex"] = json!(false);
    card
}

fn read(card: &Value) -> Card {
    Card::from_json(card.to_string().as_bytes()).unwrap()
}

/// A valid picture whose text chunks are these (kind, data).
fn picture(chunks: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let blank = Card::blank_png();
    let png = Png::read(&blank).unwrap();
    let mut out = super::png::SIGNATURE.to_vec();
    for chunk in &png.chunks {
        if chunk.kind == *b"IEND" {
            for (kind, data) in chunks {
                push_chunk(&mut out, *kind, &[data]);
            }
        }
        push_chunk(&mut out, chunk.kind, &[chunk.data]);
    }
    out
}

fn text_chunk(keyword: &str, text: &[u8]) -> ([u8; 4], Vec<u8>) {
    (*b"tEXt", [keyword.as_bytes(), b"\0", text].concat())
}

fn card_chunk(keyword: &str, card: &Value) -> ([u8; 4], Vec<u8>) {
    text_chunk(keyword, STANDARD.encode(card.to_string()).as_bytes())
}

fn deflated(text: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

/// A text in a `zTXt` chunk.
fn compressed_chunk(keyword: &str, text: &[u8]) -> ([u8; 4], Vec<u8>) {
    let data = [keyword.as_bytes(), b"\0\0", &deflated(text)].concat();
    (*b"zTXt", data)
}

/// A text in an `iTXt` chunk, compressed or not.
fn international_chunk(keyword: &str, text: &[u8], is_packed: bool) -> ([u8; 4], Vec<u8>) {
    let text = if is_packed {
        deflated(text)
    } else {
        text.to_vec()
    };
    let head = [u8::from(is_packed), 0];
    let data = [keyword.as_bytes(), b"\0", &head, b"en\0Figur\0", &text].concat();
    (*b"iTXt", data)
}

fn encoded(card: &Value) -> Vec<u8> {
    STANDARD.encode(card.to_string()).into_bytes()
}

fn named(name: &str) -> Value {
    let mut card = v2();
    card["data"]["name"] = json!(name);
    card
}

/// The JSON under this keyword in a PNG that we wrote.
fn chunk_json(png: &[u8], keyword: &str) -> Value {
    let png = Png::read(png).unwrap();
    let mut texts = png.chunks.iter().filter_map(super::png::Chunk::text);
    let (_, text) = texts
        .find(|(found, _)| *found == keyword.as_bytes())
        .unwrap();
    serde_json::from_slice(&STANDARD.decode(text).unwrap()).unwrap()
}
