//! BERT's tokenizer for uncased models: plain lower-case letters without accents, cut into words, and each word into the
//! longest pieces that the vocabulary has.
//!
//! Text that looks like a special token is text like any other: nobody can end a text early by writing `[SEP]`. Otherwise
//! the tokens are those of the model's own tokenizer, but for some 700 characters that Unicode classifies otherwise since.

use std::iter;

use hashbrown::HashMap;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// A longer word is unknown as a whole.
const MOST_WORD_CHARS: usize = 100;
/// What a piece begins with that goes on within a word.
const WITHIN: &str = "##";

/// A vocabulary, and the tokens with a meaning of their own.
#[derive(Debug)]
pub(super) struct WordPiece {
    /// Pieces that begin a word.
    first: HashMap<Box<str>, u32>,
    /// Pieces that go on within a word, without their mark.
    within: HashMap<Box<str>, u32>,
    size: usize,
    unknown: u32,
    begin: u32,
    end: u32,
}

impl WordPiece {
    /// Reads a vocabulary with a token a line; says what is missing in it.
    pub(super) fn read(vocabulary: &str) -> Result<Self, String> {
        let (mut first, mut within) = (HashMap::new(), HashMap::new());
        let mut size = 0;
        for (id, token) in (0..).zip(vocabulary.lines()) {
            match token.strip_prefix(WITHIN) {
                Some(rest) if !rest.is_empty() => within.insert(rest.into(), id),
                _ => first.insert(token.into(), id),
            };
            size += 1;
        }
        let special = |token: &str| {
            let id = first.get(token).copied();
            id.ok_or_else(|| format!("it has no token {token}"))
        };
        let (unknown, begin, end) = (special("[UNK]")?, special("[CLS]")?, special("[SEP]")?);
        Ok(Self {
            first,
            within,
            size,
            unknown,
            begin,
            end,
        })
    }

    /// How many tokens there are.
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// The tokens of `text` with those for its begin and end, at most `most`. What goes beyond is not looked at.
    pub(super) fn encode(&self, text: &str, most: usize) -> Vec<u32> {
        let most_pieces = most.saturating_sub(2);
        let mut tokens = vec![self.begin];
        let mut word = String::new();
        for character in plain(text).chain(iter::once(' ')) {
            let alone = is_punctuation(character);
            if !alone && !character.is_whitespace() {
                word.push(character);
                continue;
            }
            self.cut(&word, &mut tokens);
            word.clear();
            if alone {
                self.cut(character.encode_utf8(&mut [0; 4]), &mut tokens);
            }
            if tokens.len() > most_pieces {
                break;
            }
        }
        tokens.truncate(most_pieces + 1);
        tokens.push(self.end);
        tokens
    }

    /// Appends the pieces of a word, or one unknown token.
    fn cut(&self, word: &str, tokens: &mut Vec<u32>) {
        let before = tokens.len();
        let is_long = word.chars().nth(MOST_WORD_CHARS).is_some();
        let mut rest = word;
        while !rest.is_empty() {
            let pieces = if rest.len() == word.len() {
                &self.first
            } else {
                &self.within
            };
            let Some((length, id)) = longest(pieces, rest).filter(|_| !is_long) else {
                tokens.truncate(before);
                tokens.push(self.unknown);
                return;
            };
            tokens.push(id);
            rest = &rest[length..];
        }
    }
}

/// The longest piece that `text` begins with, and its length in bytes.
fn longest(pieces: &HashMap<Box<str>, u32>, text: &str) -> Option<(usize, u32)> {
    let ends = text.char_indices().rev();
    let mut candidates = iter::once(text.len()).chain(ends.map(|(at, _)| at));
    candidates.find_map(|end| Some((end, *pieces.get(&text[..end])?)))
}

/// The text without control characters, accents and capitals, and with blanks around ideographs.
fn plain(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .filter(|character| !is_removed(*character))
        .flat_map(|character| {
            let blank = is_ideograph(character).then_some(' ');
            blank.into_iter().chain([character]).chain(blank)
        })
        .nfd()
        .filter(|character| character.general_category() != GeneralCategory::NonspacingMark)
        .flat_map(char::to_lowercase)
}

fn is_removed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => false,
        '\u{fffd}' => true,
        _ => matches!(
            character.general_category(),
            GeneralCategory::Control | GeneralCategory::Format | GeneralCategory::PrivateUse
        ),
    }
}

/// Ideographs are words of their own. The ranges are those that the model was trained with.
const fn is_ideograph(character: char) -> bool {
    matches!(
        character,
        '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{2a6df}'
            | '\u{2a700}'..='\u{2b73f}'
            | '\u{2b740}'..='\u{2b81f}'
            | '\u{2b920}'..='\u{2ceaf}'
            | '\u{2f800}'..='\u{2fa1f}'
    )
}

fn is_punctuation(character: char) -> bool {
    character.is_ascii_punctuation()
        || character.general_category_group() == GeneralCategoryGroup::Punctuation
}

#[cfg(test)]
mod tests;
