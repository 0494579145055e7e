//! Byte-pair merges, as GPT-2, Llama 3 and Qwen have them: words are cut by a pattern, and within a word the neighbours whose
//! merge ranks first are joined.

use std::collections::HashMap;
use std::path::Path;

use fancy_regex::Regex;

use super::vocabulary::Vocabulary;
use crate::error::Error;
use crate::gguf::Gguf;

const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN_2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT_2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// A vocabulary's merges.
#[derive(Debug)]
pub(super) struct BytePair {
    words: Regex,
    ranks: HashMap<Box<[u8]>, u32>,
    /// The character that stands for each byte within tokens.
    characters: [char; 256],
    bytes: HashMap<char, u8>,
}

impl BytePair {
    pub(super) fn load(gguf: &Gguf, path: &Path) -> Result<Self, Error> {
        let corrupt = |what: String| Error::Corrupt {
            path: path.to_owned(),
            what,
        };
        let pattern = match gguf.text("tokenizer.ggml.pre") {
            Some("llama-bpe" | "llama3" | "llama-v3" | "smaug-bpe") => LLAMA_3,
            Some("qwen2" | "deepseek-r1-qwen") => QWEN_2,
            Some("gpt-2" | "default") | None => GPT_2,
            Some(other) => {
                let what = format!(
                    "its text is cut into words as {other}; the engine knows llama-bpe, qwen2 and gpt-2"
                );
                return Err(Error::Unsupported {
                    path: path.to_owned(),
                    what,
                });
            }
        };
        let words = Regex::new(pattern).map_err(|error| corrupt(error.to_string()))?;
        let merges = gguf
            .texts("tokenizer.ggml.merges")
            .ok_or_else(|| corrupt("its vocabulary has no merges".to_owned()))?;
        let map = gguf.map();
        let ranks = (0..)
            .zip(merges)
            .map(|(rank, merge)| (Box::from(&map[merge]), rank))
            .collect();
        let characters = stand_ins();
        let bytes = (0..=255)
            .zip(characters)
            .map(|(byte, character)| (character, byte))
            .collect();
        Ok(Self {
            words,
            ranks,
            characters,
            bytes,
        })
    }

    /// Appends the tokens of `text`.
    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str, tokens: &mut Vec<u32>) {
        // The patterns match everywhere, and without the backtracking that could fail.
        for word in self.words.find_iter(text).filter_map(Result::ok) {
            let word: String = word
                .as_str()
                .bytes()
                .map(|byte| self.characters[usize::from(byte)])
                .collect();
            match vocabulary.find(word.as_bytes()) {
                Some(id) => tokens.push(id),
                None => self.merge(vocabulary, &word, tokens),
            }
        }
    }

    /// Appends the bytes that a token's characters stand for.
    pub(super) fn decode(&self, token: &[u8], out: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(token);
        out.extend(
            text.chars()
                .filter_map(|character| self.bytes.get(&character)),
        );
    }

    fn merge(&self, vocabulary: &Vocabulary, word: &str, tokens: &mut Vec<u32>) {
        let mut bounds: Vec<usize> = word
            .char_indices()
            .map(|(start, _)| start)
            .chain([word.len()])
            .collect();
        let mut key = Vec::new();
        loop {
            let mut best = None;
            for index in 1..bounds.len() - 1 {
                key.clear();
                key.extend_from_slice(&word.as_bytes()[bounds[index - 1]..bounds[index]]);
                key.push(b' ');
                key.extend_from_slice(&word.as_bytes()[bounds[index]..bounds[index + 1]]);
                if let Some(rank) = self.ranks.get(key.as_slice())
                    && best.is_none_or(|(least, _)| *rank < least)
                {
                    best = Some((*rank, index));
                }
            }
            let Some((_, index)) = best else { break };
            bounds.remove(index);
        }
        tokens.extend(
            bounds
                .windows(2)
                .filter_map(|pair| vocabulary.find(&word.as_bytes()[pair[0]..pair[1]])),
        );
    }
}

/// GPT-2's printable characters for bytes: Latin ones stand for themselves, the rest are numbered from U+0100.
fn stand_ins() -> [char; 256] {
    let mut next = 0x100;
    std::array::from_fn(|byte| {
        let byte = byte as u8;
        if matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff) {
            return char::from(byte);
        }
        next += 1;
        char::from_u32(next - 1).unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}
