//! What messages are about, and what that is called at the server.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// The longest text that is shown at the server as it is.
const LONGEST_PLAIN: usize = 64;
/// Begins what stands for a text that isn't shown. No plain text has it.
const HASHED: char = '~';

/// What messages are about: a kind and the id of one of them, such as `session` and `ses_…`. Cheap to clone.
///
/// The id may be any text, also an empty one. Kinds are words of the program; metrics have them as an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic {
    kind: &'static str,
    id: Arc<str>,
}

impl Topic {
    /// The topic of an id. Two ids that differ in anything are two topics.
    pub fn new(kind: &'static str, id: &str) -> Self {
        let id = word(id).into();
        Self { kind, id }
    }

    /// The kind.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    /// The subject at the server, where each of kind and id is one word. Replicas of other releases know it by this, so it
    /// must stay as it is.
    pub(super) fn subject(&self, prefix: &str) -> String {
        format!("{prefix}.bus.{}.{}", word(self.kind), self.id)
    }
}

/// A text as one word of a subject: what is short and has only letters, digits, `_` and `-` as it is, for people who look at
/// the server; anything else by its hash, so that it can neither part words nor match others.
fn word(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match (1..=LONGEST_PLAIN).contains(&text.len()) && text.bytes().all(is_plain) {
        true => Cow::Borrowed(text),
        false => {
            let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(text));
            Cow::Owned(format!("{HASHED}{hash}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn subject(kind: &'static str, id: &str) -> String {
        Topic::new(kind, id).subject("troupe")
    }

    #[test]
    fn subjects_are_what_other_releases_know() {
        assert_eq!(
            subject("session", "ses_01h-Z"),
            "troupe.bus.session.ses_01h-Z"
        );
        assert_eq!(
            subject("session", ""),
            "troupe.bus.session.~47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
        );
        assert_eq!(
            subject("a.>", "*"),
            "troupe.bus.~tPFN_VAyIfniG7SGNcZL9s5yNa0cNxl9-V5Lxrik_dA.~aEiIwOuxfzdCmLZe4oB1JsBmCUxwG8x-u-HBCV9JT8E"
        );
    }

    #[test]
    fn no_text_breaks_out_of_its_word_or_takes_the_place_of_another() {
        let longest = "a".repeat(LONGEST_PLAIN);
        let hashed = word("*").into_owned();
        let ids = [
            "",
            ".",
            "..",
            "a.b",
            "a",
            "b",
            "*",
            ">",
            "a.*",
            "a.>",
            " ",
            "a b",
            "a\tb",
            "a\r\nPUB x 0\r\n",
            "\0",
            "ünï",
            "~",
            &hashed,
            &longest,
            &format!("{longest}a"),
            &"a".repeat(1 << 20),
        ];
        let mut subjects = HashSet::new();
        for id in ids {
            let subject = subject("room", id);
            let words: Vec<&str> = subject.split('.').collect();
            assert!(
                words.len() == 4 && words[..3] == ["troupe", "bus", "room"],
                "{subject}"
            );
            let is_harmless = |c: char| c.is_ascii_alphanumeric() || "_-~".contains(c);
            assert!(
                !words[3].is_empty() && words[3].len() <= LONGEST_PLAIN,
                "{subject}"
            );
            assert!(words[3].chars().all(is_harmless), "{subject}");
            assert!(
                subjects.insert(subject),
                "{id:?} is no other than one before"
            );
        }
    }
}
