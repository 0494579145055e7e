//! Token counts where the tokenizer isn't known: about four bytes of alphabetic text to a token, about one and a half
//! characters of Chinese, Japanese or Korean.

use super::Prompt;

/// Tokens that a chat server adds around each message.
const MESSAGE_TOKENS: u32 = 4;

/// What has been counted of a text that may come in pieces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Estimate {
    alphabetic_bytes: u64,
    ideographs: u64,
}

impl Estimate {
    /// Counts a piece of text.
    pub(crate) fn add(&mut self, text: &str) {
        if text.is_ascii() {
            self.alphabetic_bytes += text.len() as u64;
            return;
        }
        for character in text.chars() {
            if is_ideographic(character) {
                self.ideographs += 1;
            } else {
                self.alphabetic_bytes += character.len_utf8() as u64;
            }
        }
    }

    /// The tokens of what was counted, rounded up.
    pub(crate) fn tokens(&self) -> u32 {
        let tokens = self.alphabetic_bytes.div_ceil(4) + (2 * self.ideographs).div_ceil(3);
        u32::try_from(tokens).unwrap_or(u32::MAX)
    }
}

/// The tokens of a text, rounded up.
pub(crate) fn of_text(text: &str) -> u32 {
    let mut estimate = Estimate::default();
    estimate.add(text);
    estimate.tokens()
}

/// The tokens of several texts, each rounded up.
pub(crate) fn of_texts(texts: &[String]) -> u32 {
    let each = texts.iter().map(|text| of_text(text));
    each.fold(0, u32::saturating_add)
}

/// The tokens of a prompt, with what a server adds around its messages.
pub(crate) fn of_prompt(prompt: &Prompt) -> u32 {
    match prompt {
        Prompt::Text(text) => of_text(text),
        Prompt::Chat(messages) => messages
            .iter()
            .map(|message| of_text(&message.content).saturating_add(MESSAGE_TOKENS))
            .fold(0, u32::saturating_add),
    }
}

/// Kana, Han and Hangul, with their punctuation and full-width forms.
fn is_ideographic(character: char) -> bool {
    matches!(u32::from(character),
        0x1100..=0x11FF | 0x2E80..=0x9FFF | 0xA960..=0xA97F | 0xAC00..=0xD7FF
        | 0xF900..=0xFAFF | 0xFE30..=0xFE4F | 0xFF00..=0xFFEF | 0x20000..=0x3FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_four_bytes_or_one_and_a_half_ideographs_as_a_token() {
        assert_eq!(of_text(""), 0);
        assert_eq!(of_text("a"), 1);
        assert_eq!(of_text("eight by"), 2);
        assert_eq!(of_text("日本語"), 2);
        assert_eq!(of_text("한국어입니다"), 4);
        assert_eq!(of_text("abcd日本語"), 3);
    }

    #[test]
    fn counts_pieces_as_it_counts_the_whole() {
        let mut pieces = Estimate::default();
        for piece in ["Go", "od mor", "ning, ", "日", "本"] {
            pieces.add(piece);
        }
        assert_eq!(pieces.tokens(), of_text("Good morning, 日本"));
    }
}
