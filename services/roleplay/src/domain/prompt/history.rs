//! The messages of a chat, in the words that are sent.

use std::borrow::Cow;

use super::{Form, Kind, Material, NameStyle, Settings, Source, Turn, piece::Piece};
use crate::domain::{macros::Macros, role::Role};

/// No tokenizer packs more text than this into its tokens on average: what lies further back
/// than so many bytes a token of the window can't fit, and need not be counted.
const MAX_BYTES_PER_TOKEN: usize = 16;

/// The history, newest first, and what the model goes on from.
pub(super) fn history<'a>(
    material: &'a Material<'a>,
    settings: &Settings,
    macros: &Macros<'a>,
) -> (Vec<Piece<'a>>, Option<Piece<'a>>) {
    let window = usize::try_from(settings.window_tokens).unwrap_or(usize::MAX);
    let mut bytes_left = window.saturating_mul(MAX_BYTES_PER_TOKEN);
    let mut newest_first = material.history.iter().rev().peekable();
    let partial = newest_first
        .next_if(|turn| material.kind == Kind::Continue && turn.role == Role::Assistant);
    let partial = partial.and_then(|turn| message(turn, settings, macros, ""));
    let tail = match settings.form {
        Form::Text => partial.or_else(|| Some(cue(material.kind, macros))),
        Form::Chat => partial,
    };
    let mut pieces = Vec::new();
    for turn in newest_first {
        // No provider takes a message that says nothing.
        let Some(piece) = message(turn, settings, macros, "\n") else {
            continue;
        };
        let fits = piece.text.len() <= bytes_left;
        if !fits && !pieces.is_empty() {
            break;
        }
        bytes_left = bytes_left.saturating_sub(piece.text.len());
        pieces.push(piece);
    }
    (pieces, tail)
}

/// The name of who is to speak.
fn cue<'a>(kind: Kind, macros: &Macros<'_>) -> Piece<'a> {
    let (role, name) = match kind {
        Kind::Impersonate => (Role::User, &macros.user),
        Kind::Reply | Kind::Regenerate | Kind::Continue => (Role::Assistant, &macros.char),
    };
    Piece {
        source: Source::Cue,
        role,
        name: None,
        text: Cow::Owned(format!("{name}:")),
    }
}

/// A message in the words that are sent; in a transcript it ends with `line_end`. None if it has no words.
fn message<'a>(
    turn: &'a Turn<'a>,
    settings: &Settings,
    macros: &Macros<'_>,
    line_end: &str,
) -> Option<Piece<'a>> {
    let text = Cow::Borrowed(&*turn.text);
    if text.trim().is_empty() {
        return None;
    }
    let name = speaker(turn, macros);
    let is_spoken = turn.role != Role::System;
    let text = match settings.form {
        Form::Text if is_spoken && line_end.is_empty() => Cow::Owned(format!("{name}: {text}")),
        Form::Text if is_spoken => Cow::Owned(format!("{name}: {}{line_end}", text.trim())),
        Form::Text => Cow::Owned(format!("{}{line_end}", text.trim())),
        Form::Chat if is_spoken && settings.names == NameStyle::Content => {
            Cow::Owned(format!("{name}: {text}"))
        }
        Form::Chat if turn.role == Role::User && settings.names == NameStyle::People => {
            Cow::Owned(format!("{name}: {text}"))
        }
        Form::Chat => text,
    };
    let in_field = settings.form == Form::Chat && settings.names == NameStyle::Field && is_spoken;
    Some(Piece {
        source: Source::Message {
            id: turn.id.to_string(),
        },
        role: turn.role,
        name: in_field
            .then(|| provider_name(name))
            .filter(|name| !name.is_empty()),
        text,
    })
}

pub(super) fn speaker<'s>(turn: &'s Turn<'_>, macros: &'s Macros<'_>) -> &'s str {
    match turn.role {
        _ if !turn.name.trim().is_empty() => turn.name.trim(),
        Role::User => &macros.user,
        Role::Assistant => &macros.char,
        Role::System => "",
    }
}

/// Providers take letters, digits and underscores, 64 at most.
fn provider_name(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(allowed).take(64).collect();
    name.trim_matches('_').to_owned()
}
