//! SentencePiece's algorithm: neighbours are joined, the best-scored token first, until no two make a token.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::vocabulary::Vocabulary;

/// What stands for a space within tokens.
const SPACE: &str = "\u{2581}";

/// A stretch of the text that is one token, or will be part of one.
struct Piece {
    start: usize,
    end: usize,
    before: Option<usize>,
    after: Option<usize>,
}

/// Two neighbours that together are a token.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// The token's length; if the neighbours have changed since, it differs from theirs.
    length: usize,
}

impl Ord for Pair {
    /// Higher scores first, and of equal ones that further left.
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

/// Appends the tokens of `text`.
pub(super) fn encode(
    vocabulary: &Vocabulary,
    scores: &[f32],
    text: &str,
    leading_space: bool,
    tokens: &mut Vec<u32>,
) {
    let lead = if leading_space { SPACE } else { "" };
    let text = format!("{lead}{}", text.replace(' ', SPACE));
    let mut pieces = characters(&text);
    let mut pairs = BinaryHeap::new();
    let consider = |pieces: &[Piece], left: Option<usize>, pairs: &mut BinaryHeap<Pair>| {
        let Some(left) = left else { return };
        let Some(right) = pieces[left].after else {
            return;
        };
        let joined = &text.as_bytes()[pieces[left].start..pieces[right].end];
        if let Some(id) = vocabulary.find(joined) {
            pairs.push(Pair {
                score: scores[id as usize],
                left,
                right,
                length: joined.len(),
            });
        }
    };
    for left in 0..pieces.len() {
        consider(&pieces, Some(left), &mut pairs);
    }
    while let Some(Pair {
        left,
        right,
        length,
        ..
    }) = pairs.pop()
    {
        let gone =
            pieces[left].start == pieces[left].end || pieces[right].start == pieces[right].end;
        if gone || pieces[right].end - pieces[left].start != length {
            continue;
        }
        let after = pieces[right].after;
        pieces[left].end = pieces[right].end;
        pieces[left].after = after;
        pieces[right].end = pieces[right].start;
        if let Some(after) = after {
            pieces[after].before = Some(left);
        }
        consider(&pieces, pieces[left].before, &mut pairs);
        consider(&pieces, Some(left), &mut pairs);
    }
    for piece in pieces.iter().filter(|piece| piece.start < piece.end) {
        let bytes = &text.as_bytes()[piece.start..piece.end];
        match vocabulary.find(bytes) {
            Some(id) => tokens.push(id),
            None => tokens.extend(bytes.iter().filter_map(|byte| vocabulary.byte(*byte))),
        }
    }
}

fn characters(text: &str) -> Vec<Piece> {
    let count = text.chars().count();
    let piece = |(index, (start, character)): (usize, (usize, char))| Piece {
        start,
        end: start + character.len_utf8(),
        before: index.checked_sub(1),
        after: Some(index + 1).filter(|after| *after < count),
    };
    text.char_indices().enumerate().map(piece).collect()
}

/// Appends a token's text, with spaces for their stand-ins.
pub(super) fn decode(mut token: &[u8], out: &mut Vec<u8>) {
    while let Some(first) = token.first() {
        if let Some(rest) = token.strip_prefix(SPACE.as_bytes()) {
            out.push(b' ');
            token = rest;
        } else {
            out.push(*first);
            token = &token[1..];
        }
    }
}
