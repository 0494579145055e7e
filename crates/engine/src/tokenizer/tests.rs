//! Every kind of tokenizer must make the tokens that llama.cpp makes; `tests/reference/record.py` made the record.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::tiny;

const RECORD: &str = include_str!("../../tests/reference/tokens.json");

/// A model's name, then texts and their tokens.
type Record = BTreeMap<String, BTreeMap<String, Vec<u32>>>;

fn each(check: impl Fn(&str, &Tokenizer, &BTreeMap<String, Vec<u32>>)) {
    let folder = tempfile::tempdir().unwrap();
    let record: Record = serde_json::from_str(RECORD).unwrap();
    let mut unread: BTreeSet<&String> = record.keys().collect();
    for tiny in tiny::ALL {
        let Some((name, texts)) = record.get_key_value(tiny.name) else {
            continue;
        };
        let path = tiny.write(folder.path());
        let gguf = Gguf::open(&path).unwrap();
        check(name, &Tokenizer::load(&gguf, &path).unwrap(), texts);
        unread.remove(name);
    }
    assert_eq!(unread, BTreeSet::new());
}

#[test]
fn makes_the_tokens_that_llama_cpp_makes() {
    each(|name, tokenizer, texts| {
        for (text, expected) in texts {
            assert_eq!(
                &tokenizer.encode(&text.as_str().into()),
                expected,
                "{name}: {text:?}"
            );
        }
    });
}

#[test]
fn gives_back_the_text_that_tokens_were_made_of() {
    each(|name, tokenizer, texts| {
        for text in texts
            .keys()
            .filter(|text| !text.contains("<|") && !text.contains("<s>"))
        {
            let mut bytes = Vec::new();
            for token in tokenizer.encode(&text.as_str().into()) {
                tokenizer.decode(token, &mut bytes);
            }
            let decoded = String::from_utf8(bytes).unwrap();
            // SentencePiece begins a text with a space.
            assert_eq!(
                decoded.strip_suffix(text.as_str()).map(str::trim),
                Some(""),
                "{name}"
            );
        }
    });
}
