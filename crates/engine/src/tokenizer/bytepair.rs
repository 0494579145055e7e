//! Byte-pair merges, as GPT-2, Llama 3 and Qwen have them: words are cut by patterns, and within a word the neighbours whose
//! merge ranks first are joined.

use std::collections::HashMap;
use std::path::Path;

use fancy_regex::Regex;

use super::pieces;
use super::vocabulary::Vocabulary;
use crate::error::Error;
use crate::gguf::Gguf;

const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN_2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT_2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const DIGIT: &str = r"\p{N}";
/// What files written before they named their patterns are cut by.
const UNNAMED: [&str; 4] = [
    r"[\p{P}\$\+<=>\^~\|]+",
    GPT_2,
    r"\p{N}+",
    r"[0-9][0-9][0-9]",
];

/// A way to cut text into words.
struct Cut {
    /// Applied in turn, each to the words that those before have made.
    patterns: &'static [&'static str],
    /// Whether a word that is a token is that token, whatever the merges would make of it.
    whole_words: bool,
    /// Whether prompts begin with the begin token unless the file says otherwise.
    begins: bool,
}

impl Cut {
    const fn plain(patterns: &'static [&'static str]) -> Self {
        Self {
            patterns,
            whole_words: false,
            begins: false,
        }
    }

    /// The way that GGUF files call `name`.
    fn named(name: Option<&str>) -> Option<Self> {
        Some(match name {
            Some("llama-bpe" | "llama3" | "llama-v3") => Self {
                patterns: &[LLAMA_3],
                whole_words: true,
                begins: true,
            },
            Some("smaug-bpe") => Self::plain(&[LLAMA_3]),
            Some("qwen2" | "deepseek-r1-qwen" | "megrez") => Self::plain(&[QWEN_2]),
            Some("smollm") => Self::plain(&[DIGIT, GPT_2]),
            Some("gpt-2") => Self::plain(&[GPT_2]),
            Some("default") | None => Self::plain(&UNNAMED),
            Some(_) => return None,
        })
    }
}

/// A vocabulary's merges.
#[derive(Debug)]
pub(super) struct BytePair {
    patterns: Vec<Regex>,
    whole_words: bool,
    begins: bool,
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
        let name = gguf.text("tokenizer.ggml.pre");
        let cut = Cut::named(name).ok_or_else(|| Error::Unsupported {
            path: path.to_owned(),
            what: format!(
                "its text is cut into words as {}; the engine knows llama-bpe, qwen2, smollm and gpt-2",
                name.unwrap_or_default()
            ),
        })?;
        let patterns = cut.patterns.iter().map(|pattern| Regex::new(pattern));
        let patterns: Result<_, _> = patterns.collect();
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
            patterns: patterns.map_err(|error| corrupt(error.to_string()))?,
            whole_words: cut.whole_words,
            begins: cut.begins,
            ranks,
            characters,
            bytes,
        })
    }

    /// Whether prompts begin with the begin token where the file doesn't say.
    pub(super) const fn begins(&self) -> bool {
        self.begins
    }

    /// Appends the tokens of `text`.
    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str, tokens: &mut Vec<u32>) {
        for word in self.words(text) {
            let word: String = word
                .bytes()
                .map(|byte| self.characters[usize::from(byte)])
                .collect();
            let whole = self
                .whole_words
                .then(|| vocabulary.find(word.as_bytes()))
                .flatten();
            match whole {
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

    /// Cuts `text`; what a pattern doesn't match is a word too.
    fn words<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut words = vec![text];
        for pattern in &self.patterns {
            let mut cut = Vec::new();
            for word in words {
                let mut at = 0;
                for found in pattern.find_iter(word).filter_map(Result::ok) {
                    cut.push(&word[at..found.start()]);
                    cut.push(found.as_str());
                    at = found.end();
                }
                cut.push(&word[at..]);
            }
            cut.retain(|word| !word.is_empty());
            words = cut;
        }
        words
    }

    fn merge(&self, vocabulary: &Vocabulary, word: &str, tokens: &mut Vec<u32>) {
        let mut key = Vec::new();
        let score = |left: &str, right: &str| {
            key.clear();
            key.extend_from_slice(left.as_bytes());
            key.push(b' ');
            key.extend_from_slice(right.as_bytes());
            let rank = self.ranks.get(key.as_slice())?;
            Some(-(*rank as f32))
        };
        for piece in pieces::join(word, score) {
            match vocabulary.find(piece.as_bytes()) {
                Some(id) => tokens.push(id),
                None => tokens.extend(piece.char_indices().filter_map(|(at, character)| {
                    vocabulary.find(&piece.as_bytes()[at..at + character.len_utf8()])
                })),
            }
        }
    }
}

/// GPT-2's printable characters for bytes: Latin ones stand for themselves, the rest are numbered from U+0100.
pub(crate) fn stand_ins() -> [char; 256] {
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
