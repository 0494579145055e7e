//! Rules for text that people give themselves, beyond what the contract's field rules say.

/// Why a text is refused, as the end of a sentence that begins with the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsuitable {
    #[error("must not be blank")]
    Blank,
    #[error("must not contain control characters")]
    ControlCharacter,
}

/// A name that is shown on one line. Surrounding space is dropped.
pub(crate) fn name(text: &str) -> Result<String, Unsuitable> {
    let name = label(text)?;
    if name.is_empty() {
        return Err(Unsuitable::Blank);
    }
    Ok(name)
}

/// Like [`name`], but may be empty.
pub(crate) fn label(text: &str) -> Result<String, Unsuitable> {
    if text.chars().any(char::is_control) {
        return Err(Unsuitable::ControlCharacter);
    }
    Ok(text.trim().to_owned())
}

/// A text of several lines.
pub(crate) fn prose(text: &str) -> Result<String, Unsuitable> {
    let is_layout = |c: char| matches!(c, '\n' | '\r' | '\t');
    if text.chars().any(|c| c.is_control() && !is_layout(c)) {
        return Err(Unsuitable::ControlCharacter);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_blank_names_and_control_characters() {
        assert_eq!(name("  Alice "), Ok("Alice".to_owned()));
        assert_eq!(name(" \u{3000} "), Err(Unsuitable::Blank));
        assert_eq!(name("a\0b"), Err(Unsuitable::ControlCharacter));
        assert_eq!(label(""), Ok(String::new()));
        assert_eq!(prose("a\n\tb"), Ok("a\n\tb".to_owned()));
        assert_eq!(prose("a\0"), Err(Unsuitable::ControlCharacter));
    }
}
