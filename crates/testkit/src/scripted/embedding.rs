//! Vectors that are made up from a text's words, the same each time: texts that share words are near one another.

use serde_json::{Value, json};

/// Numbers in a vector.
pub const EMBEDDING_DIMENSIONS: usize = 64;

/// The answer to a request for embeddings, in the order of its texts.
pub(super) fn answer_to(body: &Value) -> Value {
    let texts: Vec<&str> = match &body["input"] {
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        text => text.as_str().into_iter().collect(),
    };
    let entry = |(index, text): (usize, &&str)| json!({"object": "embedding", "index": index, "embedding": vector(text)});
    let tokens: usize = texts.iter().map(|text| words(text).count()).sum();
    json!({
        "object": "list",
        "data": texts.iter().enumerate().map(entry).collect::<Vec<_>>(),
        "model": body["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    })
}

/// Each word adds to one number, and all texts have the first in common. Not of length 1: clients see to that.
fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0; EMBEDDING_DIMENSIONS];
    vector[0] = 0.5;
    for word in words(text) {
        let place = 1 + hash(&word) % (EMBEDDING_DIMENSIONS - 1);
        vector[place] += 1.0;
    }
    vector
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// FNV-1a, the same in every process.
fn hash(word: &str) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    for byte in word.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash as usize
}
