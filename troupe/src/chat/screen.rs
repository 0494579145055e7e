//! What the person sees: coloured on a terminal, plain text on a pipe.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result};

/// The person's screen, or a pipe.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    coloured: bool,
}

impl Screen {
    /// The standard output of this process.
    pub(crate) fn open(no_color: bool) -> Self {
        Self {
            coloured: std::io::stdout().is_terminal() && !no_color,
        }
    }

    pub(crate) fn line(self, text: &str) -> Result<()> {
        write(&format!("{}\n", printable(text)))
    }

    /// Shows something less important.
    pub(crate) fn note(self, text: &str) -> Result<()> {
        write(&format!("{}\n", self.styled("2", text)))
    }

    pub(crate) fn problem(self, text: &str) -> Result<()> {
        write(&format!("{}\n", self.styled("31", text)))
    }

    /// Shows who speaks; what they say follows with [`Screen::text`].
    pub(crate) fn speaker(self, name: &str) -> Result<()> {
        write(&format!("{} ", self.styled("1;36", &format!("{name}:"))))
    }

    /// Shows a part of a text at once.
    pub(crate) fn text(self, text: &str) -> Result<()> {
        write(&printable(text))
    }

    /// A text for a question, without what would steer the terminal.
    pub(crate) fn plain(self, text: &str) -> String {
        printable(text)
    }

    fn styled(self, code: &str, text: &str) -> String {
        let text = printable(text);
        if self.coloured {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text
        }
    }
}

fn write(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("the output can't be written")
}

/// A text without control characters: what a model or a card says must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_escape_sequences_from_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\u{9b}1mc\r\n\td\u{7}"), "a[2Jb1mc\n\td");
    }
}
