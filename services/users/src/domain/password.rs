//! Which passwords are too common to be taken. Length is the contract's; composition rules there are none.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Common passwords of at least eight characters, in lower case, a line each.
const COMMON: &str = include_str!("common_passwords.txt");

/// True for a password that guessing programs try first, in any letter case.
pub(crate) fn is_common(password: &str) -> bool {
    static SET: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.lines().collect());
    let lower = password.to_lowercase();
    SET.contains(lower.as_str()) || is_one_character(&lower)
}

fn is_one_character(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next();
    characters.all(|c| Some(c) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_common_passwords_in_any_letter_case() {
        for common in ["password1", "PassWord1", "qwertyuiop", "zzzzzzzzzz"] {
            assert!(is_common(common), "{common}");
        }
        for other in ["correct horse battery", "pässword-9x", "aaaaaaab"] {
            assert!(!is_common(other), "{other}");
        }
    }

    #[test]
    fn lists_several_hundred_that_the_contract_would_take() {
        assert!(COMMON.lines().count() > 500);
        for line in COMMON.lines() {
            assert!(line.chars().count() >= 8, "{line}");
            assert_eq!(line, line.to_lowercase());
        }
    }
}
