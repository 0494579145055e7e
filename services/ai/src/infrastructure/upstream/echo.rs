//! Takes out of a reply what it goes on from: llama.cpp repeats the last message of the assistant before going on.

use crate::domain::provider::{Message, Prompt, Role};

/// Drops a text from the beginning of a reply, if it stands there.
#[derive(Debug, Default)]
pub(super) struct EchoFilter {
    /// Empty once it is decided whether the reply begins with it.
    expected: String,
    held: String,
}

impl EchoFilter {
    /// A filter for the reply to a prompt: expects its last message if that is the assistant's.
    pub(super) fn new(prompt: &Prompt) -> Self {
        let last = match prompt {
            Prompt::Chat(messages) => messages.last(),
            Prompt::Text(_) => None,
        };
        let is_open = |message: &&Message| message.role == Role::Assistant;
        Self {
            expected: last
                .filter(is_open)
                .map_or_else(String::new, |m| m.content.clone()),
            held: String::new(),
        }
    }

    /// Takes more of the reply, and gives what is new in it.
    pub(super) fn push(&mut self, text: String) -> String {
        if self.expected.is_empty() {
            return text;
        }
        self.held.push_str(&text);
        if self.expected.starts_with(&self.held) && self.held.len() < self.expected.len() {
            return String::new();
        }
        let whole = std::mem::take(&mut self.held);
        let expected = std::mem::take(&mut self.expected);
        match whole.strip_prefix(&*expected) {
            Some(new) => new.to_owned(),
            None => whole,
        }
    }

    /// What was held back, now that nothing follows.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(last: &str, role: Role, pieces: &[&str]) -> String {
        let message = Message {
            role,
            content: last.to_owned(),
            name: String::new(),
        };
        let mut filter = EchoFilter::new(&Prompt::Chat(vec![message]));
        let mut shown = String::new();
        for piece in pieces {
            shown += &filter.push((*piece).to_owned());
        }
        shown + &filter.finish()
    }

    #[test]
    fn drops_what_the_reply_goes_on_from() {
        let pieces = ["Hello, I am ", "here", "Hello, I am "];
        assert_eq!(
            filtered("Hello, I am", Role::Assistant, &pieces),
            " hereHello, I am "
        );
        let pieces = ["Hel", "lo, I", " am", " here"];
        assert_eq!(filtered("Hello, I am", Role::Assistant, &pieces), " here");
        assert_eq!(filtered("Hello", Role::Assistant, &["Hello"]), "");
    }

    #[test]
    fn keeps_a_reply_that_begins_otherwise() {
        assert_eq!(
            filtered("Hello, I am", Role::Assistant, &["Hel", "p!"]),
            "Help!"
        );
        assert_eq!(
            filtered("Hello, I am", Role::Assistant, &["Hello"]),
            "Hello"
        );
        assert_eq!(
            filtered("Hello", Role::User, &["Hello", " you"]),
            "Hello you"
        );
        assert_eq!(filtered("", Role::Assistant, &["Hello"]), "Hello");
    }
}
