//! Keys and passwords of servers.

use std::fmt;

use serde::Deserialize;

/// A key or password that doesn't show in logs. White space around it, such as the end of a line, is no part of it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// Takes a secret as an operator wrote it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret in clear, to present it; `None` if it is empty.
    pub fn reveal(&self) -> Option<&str> {
        Some(self.0.trim()).filter(|text| !text.is_empty())
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show() {
        let secret = SecretText::new(" key\n");
        assert_eq!(format!("{secret:?}"), "SecretText(..)");
        assert_eq!(secret.reveal(), Some("key"));
        assert_eq!(SecretText::default().reveal(), None);
    }
}
