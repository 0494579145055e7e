//! A prompt as the tokenizer takes it.

use std::fmt;
use std::ops::Range;

/// A text to continue, and which parts of it are somebody's words.
///
/// The texts of special tokens, such as `<|im_end|>`, become those tokens, but for what lies in such a part: there they are
/// letters like others, so that nobody can end a turn, or begin one for somebody else, by what they write.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    text: String,
    /// In their order, apart from one another.
    words: Vec<Range<usize>>,
}

impl Prompt {
    /// A prompt of `text` in which the special tokens within `words` stay letters. The ranges are in order, apart from one another, and
    /// each begins and ends between characters.
    pub(crate) fn new(text: String, words: Vec<Range<usize>>) -> Self {
        Self { text, words }
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The stretches between somebody's words.
    pub(crate) fn marked(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let starts = std::iter::once(0).chain(self.words.iter().map(|range| range.end));
        let ends = self.words.iter().map(|range| range.start);
        let ends = ends.chain(std::iter::once(self.text.len()));
        starts.zip(ends).map(|(start, end)| start..end)
    }
}

impl From<String> for Prompt {
    fn from(text: String) -> Self {
        Self::new(text, Vec::new())
    }
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Without the text, which no log may hold.
impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prompt({} bytes)", self.text.len())
    }
}
