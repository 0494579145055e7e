//! Memories: what a session remembers of what was said in it, and what a person noted.

use platform::Timestamp;

use super::ids::{MemoryId, MessageId, SessionId};

/// Most characters of a message that are remembered: about as much as the embedding models that run anywhere read.
pub const MAX_REMEMBERED_CHARS: usize = 1_000;

/// What is remembered of a message that says nothing.
const SILENCE: &str = "…";

/// Something that a session remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// Its id.
    pub id: MemoryId,
    /// The session.
    pub session_id: SessionId,
    /// The message that it comes from; none for a note.
    pub message_id: Option<MessageId>,
    /// The text as it goes into prompts.
    pub text: String,
    /// In every prompt of a branch that has its message.
    pub pinned: bool,
    /// In no prompt.
    pub disabled: bool,
    /// A person rewrote what the message says.
    pub rewritten: bool,
    /// A person hid its message from models.
    pub hidden: bool,
    /// The model whose vector of it is stored; none while there is no vector.
    pub embedded_model: Option<String>,
    /// When it was made.
    pub create_time: Timestamp,
    /// When a person last changed it.
    pub update_time: Timestamp,
}

/// What is remembered of a message: who said it, and its beginning.
#[must_use]
pub fn remembered(speaker: &str, text: &str) -> String {
    let text = match text.trim() {
        "" => SILENCE.to_owned(),
        text => beginning(text, MAX_REMEMBERED_CHARS),
    };
    match speaker.trim() {
        "" => text,
        speaker => format!("{speaker}: {text}"),
    }
}

/// The beginning of a text, cut where a paragraph ends, else a sentence, else a word, as far back as the middle.
#[must_use]
pub fn beginning(text: &str, max_chars: usize) -> String {
    let text = text.trim();
    let Some((end, _)) = text.char_indices().nth(max_chars) else {
        return text.to_owned();
    };
    let head = &text[..end];
    let after_half = |at: &usize| *at > head.len() / 2;
    if let Some(at) = head.rfind("\n\n").filter(after_half) {
        return format!("{} …", head[..at].trim_end());
    }
    let sentence = head
        .char_indices()
        .filter(|(_, c)| matches!(c, '.' | '!' | '?' | '。' | '！' | '？' | '\n'))
        .map(|(at, c)| at + c.len_utf8())
        .next_back();
    let word = || head.rfind(char::is_whitespace);
    let cut = sentence.filter(after_half);
    let cut = cut.or_else(|| word().filter(after_half)).unwrap_or(end);
    format!("{} …", head[..cut].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_who_said_what() {
        assert_eq!(remembered("Mira", " Come in. "), "Mira: Come in.");
        assert_eq!(remembered(" ", "Come in."), "Come in.");
        assert_eq!(remembered("", "\n"), "…");
    }

    #[test]
    fn cuts_a_long_text_where_a_reader_would() {
        let cases = [
            ("One two.\n\nThree four five six", 18, "One two. …"),
            ("One two three.\n\nFour five six", 18, "One two three. …"),
            (
                "One two. Three four. Five six",
                24,
                "One two. Three four. …",
            ),
            ("One two three four five", 16, "One two three …"),
            ("ééééééééééé", 4, "éééé …"),
            ("short", 5, "short"),
        ];
        for (text, max_chars, expected) in cases {
            assert_eq!(beginning(text, max_chars), expected, "{text}");
        }
    }
}
