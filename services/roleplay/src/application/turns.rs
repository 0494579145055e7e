//! What was said, as prompts have it.

use std::borrow::Cow;

use super::cast::Player;
use super::compile_prompt::Wanted;
use crate::domain::message::{Author, MessageKind};
use crate::domain::name;
use crate::domain::prompt::Turn;
use crate::domain::role::Role;
use crate::infrastructure::queries::path::Line;

/// How many messages are older than these, and how many of them are the character's.
pub(super) fn earlier(newest_first: &[Line]) -> (u32, u32) {
    let Some(oldest) = newest_first.last() else {
        return (0, 0);
    };
    let own = i32::from(oldest.author == Author::Character);
    let count = |count: i32| u32::try_from(count).unwrap_or(0);
    (count(oldest.depth), count(oldest.character_count - own))
}

/// What was said, oldest first, with what is being said.
pub(super) fn turns(
    newest_first: Vec<Line>,
    player: &Player,
    wanted: &Wanted<'_>,
    said: Option<String>,
) -> Vec<Turn<'static>> {
    let stored = newest_first.into_iter().rev().map(|message| Turn {
        id: Cow::Owned(message.id.to_string()),
        role: role(message.kind, message.author),
        name: Cow::Owned(name::spoken(&message.speaker_name).into_owned()),
        text: Cow::Owned(message.text),
    });
    let said = said.map(|text| Turn {
        id: Cow::Owned(wanted.said_id.map(|id| id.to_string()).unwrap_or_default()),
        role: role(wanted.kind_said, Author::Person),
        name: Cow::Owned(speaker_name(wanted.kind_said, &player.name)),
        text: Cow::Owned(text),
    });
    // What models don't read has no text here, and what says nothing isn't sent.
    let turns = stored.chain(said);
    turns.filter(|turn| !turn.text.trim().is_empty()).collect()
}

/// As whom a model reads a message.
fn role(kind: MessageKind, author: Author) -> Role {
    match (kind, author) {
        (MessageKind::Narration, _) => Role::System,
        (_, Author::Character) => Role::Assistant,
        (_, Author::Person) => Role::User,
    }
}

/// Under which name a person's message stands: a narrator has none.
pub(super) fn speaker_name(kind: MessageKind, player: &str) -> String {
    match kind {
        MessageKind::Narration => String::new(),
        MessageKind::Dialogue | MessageKind::OutOfCharacter => player.to_owned(),
    }
}
