//! Text to tokens and back, by the vocabulary in the model's own file.
//!
//! Special tokens are cut out of the text first; what lies between them goes to the vocabulary's algorithm: SentencePiece's
//! ([`sentencepiece`]) or byte-pair merges ([`bytepair`]).

mod bytepair;
mod pieces;
mod sentencepiece;
mod vocabulary;

use std::path::Path;

use aho_corasick::{AhoCorasick, MatchKind};

use super::error::Error;
use super::gguf::Gguf;
use super::prompt::Prompt;
use vocabulary::{Sort, Vocabulary};

#[cfg(test)]
pub(crate) use bytepair::stand_ins;

/// Texts of tokens that end a reply, whatever the file names as its end token.
const ENDS: [&str; 6] = [
    "<end_of_turn>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|endoftext|>",
    "<|end_of_text|>",
];

/// A model's tokenizer.
#[derive(Debug)]
pub(super) struct Tokenizer {
    vocabulary: Vocabulary,
    algorithm: Algorithm,
    special: AhoCorasick,
    special_ids: Vec<u32>,
    begin: Option<u32>,
    ends: Vec<u32>,
}

#[derive(Debug)]
enum Algorithm {
    SentencePiece {
        scores: Vec<f32>,
        leading_space: bool,
    },
    BytePair(Box<bytepair::BytePair>),
}

impl Tokenizer {
    /// Reads the tokenizer that `gguf` holds.
    pub(super) fn load(gguf: &Gguf, path: &Path) -> Result<Self, Error> {
        let corrupt = |what: &str| Error::Corrupt {
            path: path.to_owned(),
            what: what.to_owned(),
        };
        let vocabulary = Vocabulary::load(gguf).ok_or_else(|| corrupt("it has no vocabulary"))?;
        let algorithm = match gguf.text("tokenizer.ggml.model") {
            Some("llama") => Algorithm::SentencePiece {
                scores: gguf
                    .floats("tokenizer.ggml.scores")
                    .filter(|scores| scores.len() == vocabulary.len())
                    .ok_or_else(|| corrupt("its vocabulary has no scores"))?,
                leading_space: gguf.bool("tokenizer.ggml.add_space_prefix").unwrap_or(true),
            },
            Some("gpt2") => Algorithm::BytePair(Box::new(bytepair::BytePair::load(gguf, path)?)),
            other => {
                let what = format!(
                    "its tokenizer is {}; the engine has llama (SentencePiece) and gpt2",
                    other.unwrap_or("unnamed")
                );
                return Err(Error::Unsupported {
                    path: path.to_owned(),
                    what,
                });
            }
        };
        let special_ids: Vec<u32> = vocabulary.special().collect();
        let special = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(special_ids.iter().map(|id| vocabulary.bytes(*id)))
            .map_err(|error| {
                corrupt(&format!(
                    "its special tokens cannot be searched for: {error}"
                ))
            })?;
        let begin = gguf
            .int("tokenizer.ggml.bos_token_id")
            .filter(|id| vocabulary.has(*id));
        let begin = begin.filter(|_| {
            gguf.bool("tokenizer.ggml.add_bos_token")
                .unwrap_or(match &algorithm {
                    Algorithm::SentencePiece { .. } => true,
                    Algorithm::BytePair(merges) => merges.begins(),
                })
        });
        let named = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"]
            .into_iter()
            .filter_map(|key| gguf.int(key));
        let known = ENDS
            .into_iter()
            .filter_map(|text| vocabulary.find(text.as_bytes()))
            .filter(|id| vocabulary.sort(*id) == Sort::Control);
        let ends = named.chain(known).collect();
        Ok(Self {
            algorithm,
            special,
            special_ids,
            begin,
            ends,
            vocabulary,
        })
    }

    /// How many tokens there are.
    pub(super) fn len(&self) -> usize {
        self.vocabulary.len()
    }

    /// The tokens of a prompt, with the model's begin token first if the model wants one and the text has none.
    /// Special tokens' texts, such as a template's turn marks, become those tokens where they are nobody's words.
    pub(super) fn encode(&self, prompt: &Prompt) -> Vec<u32> {
        let text = prompt.text();
        let mut tokens = Vec::with_capacity(text.len() / 3 + 2);
        let mut at = 0;
        for marked in prompt.marked() {
            for found in self.special.find_iter(&text[marked.clone()]) {
                self.encode_plain(&text[at..marked.start + found.start()], &mut tokens);
                tokens.push(self.special_ids[found.pattern().as_usize()]);
                at = marked.start + found.end();
            }
        }
        self.encode_plain(&text[at..], &mut tokens);
        match self.begin {
            Some(begin) if tokens.first() != Some(&begin) => tokens.insert(0, begin),
            _ => {}
        }
        tokens
    }

    /// The texts of tokens that no text shows.
    pub(super) fn marks(&self) -> impl Iterator<Item = &str> {
        let control = |id: &&u32| self.vocabulary.sort(**id) == Sort::Control;
        let text = |id: &u32| std::str::from_utf8(self.vocabulary.bytes(*id)).ok();
        self.special_ids.iter().filter(control).filter_map(text)
    }

    /// The text of the token that the file names with `key`; nothing where it names none.
    pub(super) fn named(&self, gguf: &Gguf, key: &str) -> String {
        let id = gguf.int(key).filter(|id| self.vocabulary.has(*id));
        let bytes = id.map_or(&[][..], |id| self.vocabulary.bytes(id));
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// Appends the bytes that `token` stands for: none for control tokens, possibly part of a character.
    pub(super) fn decode(&self, token: u32, out: &mut Vec<u8>) {
        match (self.vocabulary.sort(token), &self.algorithm) {
            (Sort::Control, _) => {}
            (Sort::Byte(byte), _) => out.push(byte),
            (Sort::Plain, Algorithm::BytePair(merges)) => {
                merges.decode(self.vocabulary.bytes(token), out)
            }
            (_, Algorithm::BytePair(_)) => out.extend_from_slice(self.vocabulary.bytes(token)),
            (_, Algorithm::SentencePiece { .. }) => {
                sentencepiece::decode(self.vocabulary.bytes(token), out)
            }
        }
    }

    /// Whether a reply ends with `token`.
    pub(super) fn ends(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    fn encode_plain(&self, text: &str, tokens: &mut Vec<u32>) {
        if text.is_empty() {
            return;
        }
        match &self.algorithm {
            Algorithm::BytePair(merges) => merges.encode(&self.vocabulary, text, tokens),
            Algorithm::SentencePiece {
                scores,
                leading_space,
            } => {
                // At the beginning and after every special token, as llama.cpp does it.
                sentencepiece::encode(&self.vocabulary, scores, text, *leading_space, tokens);
            }
        }
    }
}

#[cfg(test)]
mod tests;
