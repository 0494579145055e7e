//! Messages as strict chat templates take them: at most one of the system, then the person and the character by turns, the person
//! first. SillyTavern calls it strict prompt post-processing.

use std::borrow::Cow;

use crate::domain::provider::{Message, Role};

/// What stands where the person would have to speak first and didn't.
const OPENING: &str = "[The conversation begins.]";
/// What asks to go on where the character may not have the last word.
const GO_ON: &str = "[Go on from where this ends, without repeating it.]";

/// What of messages a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RoleRules {
    /// Roles must alternate, and the person begins.
    pub(crate) alternating: bool,
    /// There is no role of the system.
    pub(crate) no_system: bool,
    /// The person must have the last word.
    pub(crate) last_user: bool,
}

/// The messages as the rules want them, with all of their text.
pub(crate) fn arranged(messages: &[Message], rules: RoleRules) -> Cow<'_, [Message]> {
    if rules == RoleRules::default() {
        return Cow::Borrowed(messages);
    }
    let mut arranged: Vec<Message> = match rules.alternating || rules.no_system {
        true => by_turns(messages, rules.no_system),
        false => messages.to_vec(),
    };
    let ends_with_user = arranged
        .last()
        .is_some_and(|message| message.role == Role::User);
    if rules.last_user && !ends_with_user {
        arranged.push(of_user(GO_ON));
    }
    Cow::Owned(arranged)
}

fn by_turns(messages: &[Message], no_system: bool) -> Vec<Message> {
    let rules = RoleRules {
        alternating: true,
        no_system,
        last_user: false,
    };
    turns(placed(messages), rules)
        .into_iter()
        .map(Message::from)
        .collect()
}

/// What one speaker says in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn<'a> {
    pub(crate) role: Role,
    /// At least one.
    pub(crate) parts: Vec<Part<'a>>,
}

/// A message as a part of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    pub(crate) text: &'a str,
    name: &'a str,
    /// Where it begins among the bytes of all messages' texts.
    pub(crate) begins: usize,
}

/// Messages, each with the place where it begins among the bytes of all texts.
pub(crate) fn placed(messages: &[Message]) -> impl Iterator<Item = (usize, &Message)> {
    messages.iter().scan(0, |end, message| {
        let begins = *end;
        *end += message.content.len();
        Some((begins, message))
    })
}

/// The messages by turns: what instructs at the beginning, then the person and the character, the person first.
pub(crate) fn turns<'a>(
    messages: impl Iterator<Item = (usize, &'a Message)>,
    rules: RoleRules,
) -> Vec<Turn<'a>> {
    let mut turns: Vec<Turn<'a>> = Vec::new();
    for (begins, message) in messages {
        let is_opening = turns.iter().all(|turn| turn.role == Role::System);
        let role = match message.role {
            Role::System if rules.no_system || !is_opening => Role::User,
            role => role,
        };
        let part = Part {
            text: &message.content,
            name: &message.name,
            begins,
        };
        match turns.last_mut().filter(|last| last.role == role) {
            Some(last) => last.parts.push(part),
            None => {
                if role == Role::Assistant && is_opening {
                    turns.push(Turn::of_user(OPENING, begins));
                }
                let parts = vec![part];
                turns.push(Turn { role, parts });
            }
        }
    }
    if turns.iter().all(|turn| turn.role == Role::System) {
        turns.push(Turn::of_user(OPENING, usize::MAX));
    }
    if rules.last_user && turns.last().is_some_and(|last| last.role != Role::User) {
        turns.push(Turn::of_user(GO_ON, usize::MAX));
    }
    turns
}

impl Turn<'_> {
    fn of_user(text: &'static str, begins: usize) -> Self {
        let name = "";
        let part = Part { text, name, begins };
        Self {
            role: Role::User,
            parts: vec![part],
        }
    }
}

impl From<Turn<'_>> for Message {
    /// Two of one speaker stay that speaker's; what several say is nobody's.
    fn from(turn: Turn<'_>) -> Self {
        let texts = turn.parts.iter().map(|part| part.text);
        let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
        let name = turn.parts.first().map_or("", |part| part.name);
        let is_one = turn.parts.iter().all(|part| part.name == name);
        Self {
            role: turn.role,
            content: texts.join("\n\n"),
            name: if is_one {
                name.to_owned()
            } else {
                String::new()
            },
        }
    }
}

fn of_user(content: &str) -> Message {
    Message {
        role: Role::User,
        content: content.to_owned(),
        name: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(role: Role, content: &str) -> Message {
        Message {
            role,
            content: content.to_owned(),
            name: String::new(),
        }
    }

    const STRICT: RoleRules = RoleRules {
        alternating: true,
        no_system: false,
        last_user: false,
    };

    fn shown(messages: &[Message]) -> Vec<(Role, &str)> {
        messages
            .iter()
            .map(|message| (message.role, &*message.content))
            .collect()
    }

    #[test]
    fn arranges_a_chat_with_a_greeting() {
        let chat = [
            message(Role::System, "You are Seraphina."),
            message(Role::Assistant, "Hello."),
            message(Role::User, "Hi."),
            message(Role::System, "Stay in character."),
        ];
        let strict = arranged(&chat, STRICT);
        let expected = [
            (Role::System, "You are Seraphina."),
            (Role::User, OPENING),
            (Role::Assistant, "Hello."),
            (Role::User, "Hi.\n\nStay in character."),
        ];
        assert_eq!(shown(&strict), expected);
        let no_system = arranged(
            &chat,
            RoleRules {
                no_system: true,
                ..STRICT
            },
        );
        let expected = [
            (Role::User, "You are Seraphina."),
            (Role::Assistant, "Hello."),
            (Role::User, "Hi.\n\nStay in character."),
        ];
        assert_eq!(shown(&no_system), expected);
        assert_eq!(shown(&arranged(&chat, RoleRules::default())), shown(&chat));
    }

    #[test]
    fn gives_the_person_the_last_word_where_that_must_be() {
        let chat = [
            message(Role::User, "Hi."),
            message(Role::Assistant, "Hello"),
        ];
        let rules = RoleRules {
            last_user: true,
            ..RoleRules::default()
        };
        let expected = [
            (Role::User, "Hi."),
            (Role::Assistant, "Hello"),
            (Role::User, GO_ON),
        ];
        assert_eq!(shown(&arranged(&chat, rules)), expected);
        assert_eq!(shown(&arranged(&chat, STRICT)), shown(&chat));
    }

    proptest! {
        #[test]
        fn alternates_whatever_comes_and_loses_nothing(
            roles in prop::collection::vec(prop::sample::select(vec![Role::System, Role::User, Role::Assistant]), 1..12),
            no_system: bool,
        ) {
            let chat: Vec<Message> =
                roles.iter().enumerate().map(|(index, role)| message(*role, &format!("<{index}>"))).collect();
            let strict = arranged(&chat, RoleRules { alternating: true, no_system, last_user: false });
            let turns: Vec<&Message> = strict.iter().skip_while(|message| message.role == Role::System).collect();
            prop_assert!(strict.len() - turns.len() <= usize::from(!no_system));
            for (index, turn) in turns.iter().enumerate() {
                let expected = if index % 2 == 0 { Role::User } else { Role::Assistant };
                prop_assert_eq!(turn.role, expected);
            }
            prop_assert!(!turns.is_empty());
            let whole: String = strict.iter().map(|message| &*message.content).collect();
            for index in 0..roles.len() {
                let content = format!("<{index}>");
                prop_assert!(whole.contains(&content));
            }
        }
    }
}
