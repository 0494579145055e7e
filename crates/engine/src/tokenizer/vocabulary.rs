//! The tokens themselves: their bytes, left in the model file, and an index from bytes to token.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashTable;
use memmap2::Mmap;

use crate::gguf::Gguf;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Ordinary text.
    Plain,
    /// A mark that no text shows.
    Control,
    /// Text that is always one token.
    Whole,
    /// One byte of a character that has no token.
    Byte(u8),
    /// Never used.
    Unused,
}

/// A model's vocabulary.
#[derive(Debug)]
pub(super) struct Vocabulary {
    map: Arc<Mmap>,
    texts: Vec<Range<usize>>,
    sorts: Vec<Sort>,
    ids: HashTable<u32>,
    hasher: RandomState,
    bytes: Box<[Option<u32>; 256]>,
}

impl Vocabulary {
    pub(super) fn load(gguf: &Gguf) -> Option<Self> {
        let map = gguf.map();
        let texts = gguf
            .texts("tokenizer.ggml.tokens")
            .filter(|texts| !texts.is_empty() && texts.len() < u32::MAX as usize)?;
        let numbers = gguf.ints("tokenizer.ggml.token_type").unwrap_or_default();
        let sort = |(index, text): (usize, &Range<usize>)| {
            sort(numbers.get(index).copied().unwrap_or(1), &map[text.clone()])
        };
        let sorts: Vec<Sort> = texts.iter().enumerate().map(sort).collect();

        let hasher = RandomState::new();
        let hash = |id: &u32| hasher.hash_one(&map[texts[*id as usize].clone()]);
        let mut ids = HashTable::with_capacity(texts.len());
        let mut bytes = Box::new([None; 256]);
        for (id, sort) in (0..).zip(&sorts) {
            ids.insert_unique(hash(&id), id, hash);
            if let Sort::Byte(byte) = sort {
                bytes[usize::from(*byte)] = Some(id);
            }
        }
        Some(Self {
            map,
            texts,
            sorts,
            ids,
            hasher,
            bytes,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn has(&self, id: u32) -> bool {
        (id as usize) < self.texts.len()
    }

    /// The token's own bytes; none for an id beyond the vocabulary, which a padded output layer can yield.
    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        self.texts
            .get(id as usize)
            .map_or(&[], |text| &self.map[text.clone()])
    }

    pub(super) fn sort(&self, id: u32) -> Sort {
        self.sorts.get(id as usize).copied().unwrap_or(Sort::Unused)
    }

    pub(super) fn find(&self, text: &[u8]) -> Option<u32> {
        self.ids
            .find(self.hasher.hash_one(text), |id| self.bytes(*id) == text)
            .copied()
    }

    /// The token that stands for a single byte.
    pub(super) fn byte(&self, byte: u8) -> Option<u32> {
        self.bytes[usize::from(byte)]
    }

    /// Tokens whose text is always that token.
    pub(super) fn special(&self) -> impl Iterator<Item = u32> {
        let special = |id: &u32| {
            matches!(self.sort(*id), Sort::Control | Sort::Whole) && !self.bytes(*id).is_empty()
        };
        (0..self.texts.len() as u32).filter(special)
    }
}

/// From GGUF's number for it.
fn sort(number: i32, text: &[u8]) -> Sort {
    match number {
        2 | 3 => Sort::Control,
        4 => Sort::Whole,
        5 => Sort::Unused,
        6 => byte(text).map_or(Sort::Unused, Sort::Byte),
        _ => Sort::Plain,
    }
}

/// The byte that a text such as `<0x0A>` names.
fn byte(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
