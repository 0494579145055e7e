//! Joins the neighbouring pieces of a text, the best pair first, as both of the tokenizers' algorithms do.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A stretch of the text that is one token, or will be part of one.
struct Piece {
    start: usize,
    end: usize,
    before: Option<usize>,
    after: Option<usize>,
}

/// Two neighbours that may be joined.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Their length; if the neighbours have changed since, it differs from theirs.
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

/// The pieces of `text` when no two neighbours can be joined any more. `score` says how good it is to join two, if they can
/// be at all; in the beginning every character is a piece.
pub(super) fn join(
    text: &str,
    mut score: impl FnMut(&str, &str) -> Option<f32>,
) -> impl Iterator<Item = &str> {
    let mut pieces = characters(text);
    let mut pairs = BinaryHeap::new();
    let mut consider = |pieces: &[Piece], left: Option<usize>, pairs: &mut BinaryHeap<Pair>| {
        let Some(left) = left else { return };
        let Some(right) = pieces[left].after else {
            return;
        };
        let (start, middle, end) = (pieces[left].start, pieces[left].end, pieces[right].end);
        if let Some(score) = score(&text[start..middle], &text[middle..end]) {
            pairs.push(Pair {
                score,
                left,
                right,
                length: end - start,
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
    pieces
        .into_iter()
        .filter(|piece| piece.start < piece.end)
        .map(|piece| &text[piece.start..piece.end])
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
