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
    let mut turns: Vec<Message> = Vec::new();
    for message in messages {
        let is_opening = turns.iter().all(|message| message.role == Role::System);
        let role = match message.role {
            Role::System if no_system || !is_opening => Role::User,
            role => role,
        };
        match turns.last_mut().filter(|last| last.role == role) {
            Some(last) => append(last, message),
            None => {
                if role == Role::Assistant && is_opening {
                    turns.push(of_user(OPENING));
                }
                turns.push(Message {
                    role,
                    ..message.clone()
                });
            }
        }
    }
    if turns.iter().all(|message| message.role == Role::System) {
        turns.push(of_user(OPENING));
    }
    turns
}

/// Two of one speaker stay that speaker's; what several say is nobody's.
fn append(last: &mut Message, message: &Message) {
    if last.name != message.name {
        last.name.clear();
    }
    if !last.content.is_empty() && !message.content.is_empty() {
        last.content.push_str("\n\n");
    }
    last.content.push_str(&message.content);
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
