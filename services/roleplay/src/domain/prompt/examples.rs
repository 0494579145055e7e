//! Example dialogues: blocks behind `<START>`, lines that begin with a speaker's name.

use super::{ExampleStyle, Form, Settings, Source, piece::Piece};
use crate::domain::role::Role;

const START: &str = "<start>";
const CHAT_HEADER: &str = "[Example Chat]";
/// Opens an example dialogue, and the history, in text form.
pub(super) const TEXT_SEPARATOR: &str = "***";

/// The names that speak in examples.
pub(super) struct Speakers<'s> {
    pub(super) user: &'s str,
    pub(super) char: &'s str,
}

/// The dialogues of a `mes_example` whose macros are expanded, each as the pieces to send. They are counted from `first` on.
pub(super) fn read<'a>(
    text: &str,
    speakers: &Speakers<'_>,
    settings: &Settings,
    first: usize,
) -> Vec<Vec<Piece<'a>>> {
    let blocks = (first..).zip(split_blocks(text));
    blocks
        .map(|(block, text)| pieces(block, text, speakers, settings))
        .collect()
}

/// Text before the first `<START>` is a block too, as cards often leave the first one out.
fn split_blocks(text: &str) -> Vec<&str> {
    let folded = text.to_ascii_lowercase();
    let mut blocks = Vec::new();
    let mut start = 0;
    for (at, _) in folded.match_indices(START) {
        blocks.push(&text[start..at]);
        start = at + START.len();
    }
    blocks.push(&text[start..]);
    blocks
        .into_iter()
        .map(str::trim)
        .filter(|block| !block.is_empty())
        .collect()
}

fn pieces<'a>(
    block: usize,
    text: &str,
    speakers: &Speakers<'_>,
    settings: &Settings,
) -> Vec<Piece<'a>> {
    let section = |source, text: &str| Piece::section(settings.form, source, Role::System, text);
    let header = match settings.form {
        Form::Chat => CHAT_HEADER,
        Form::Text => TEXT_SEPARATOR,
    };
    let mut pieces: Vec<Piece<'a>> = section(Source::ExampleStart { block }, header)
        .into_iter()
        .collect();
    let source = Source::Example { block };
    if settings.form == Form::Text || settings.examples == ExampleStyle::Transcript {
        pieces.extend(section(source, text));
        return pieces;
    }
    for (speaker, line) in split_lines(text, speakers) {
        let piece = section(source.clone(), &line);
        pieces.extend(piece.map(|piece| match speaker {
            Some(speaker) => piece.named(speaker),
            None => piece,
        }));
    }
    pieces
}

/// Lines by speaker; a line without one belongs to the line above.
fn split_lines(text: &str, speakers: &Speakers<'_>) -> Vec<(Option<&'static str>, String)> {
    let mut spoken: Vec<(Option<&'static str>, String)> = Vec::new();
    for line in text.lines() {
        let said = |name: &str| line.strip_prefix(name)?.strip_prefix(':');
        let (speaker, words) = match (said(speakers.user), said(speakers.char)) {
            (Some(words), _) => (Some("example_user"), words),
            (None, Some(words)) => (Some("example_assistant"), words),
            (None, None) => (None, line),
        };
        match spoken.last_mut() {
            Some((_, last)) if speaker.is_none() => {
                last.push('\n');
                last.push_str(words);
            }
            _ => spoken.push((speaker, words.trim().to_owned())),
        }
    }
    spoken
}
