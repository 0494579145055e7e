//! SentencePiece's algorithm: neighbours are joined, the best-scored token first, until no two make a token.

use super::pieces;
use super::vocabulary::Vocabulary;

/// What stands for a space within tokens.
const SPACE: &str = "\u{2581}";

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
    let mut joined = String::new();
    let score = |left: &str, right: &str| {
        joined.clear();
        joined.push_str(left);
        joined.push_str(right);
        let id = vocabulary.find(joined.as_bytes())?;
        Some(scores[id as usize])
    };
    for piece in pieces::join(&text, score) {
        match vocabulary.find(piece.as_bytes()) {
            Some(id) => tokens.push(id),
            None => tokens.extend(piece.bytes().filter_map(|byte| vocabulary.byte(byte))),
        }
    }
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
