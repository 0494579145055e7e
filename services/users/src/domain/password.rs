//! Which passwords are too easy to guess. The least length is the contract's; composition rules there are none.
//!
//! What is compared is a folded form: compatible characters made alike (NFKC), in lower case, without white space and what
//! doesn't show. The password itself is hashed as it was typed.

use std::collections::HashSet;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

/// Common passwords of at least eight characters, in lower case, a line each.
const COMMON: &str = include_str!("common_passwords.txt");
/// The contract's least length, which must be there without what everybody knows.
const LEAST: usize = 8;
/// Words shorter than this are found in too many passwords to mean anything.
pub(crate) const LEAST_WORD: usize = 4;

/// Why a password is refused, as the end of a sentence that begins with the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Weakness {
    #[error("is among the most common ones")]
    Common,
    #[error("has fewer than 8 characters without the white space around it")]
    Padded,
    #[error("holds the e-mail address")]
    HoldsAddress,
    #[error("holds the platform's name or another word that is refused here")]
    HoldsRefusedWord,
    #[error("is little more than a name or a part of the e-mail address")]
    IsName,
}

/// What everybody knows, or tries first, of the person who chooses a password.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) email: &'a str,
    pub(crate) display_name: &'a str,
    /// Words that no password may hold, such as the platform's name.
    pub(crate) refused_words: &'a [String],
}

/// Why a password is too easy to guess, if it is.
pub(crate) fn weakness(password: &str, known: Known<'_>) -> Option<Weakness> {
    let folded = fold(password);
    if is_common(&folded) {
        return Some(Weakness::Common);
    }
    if password.trim_matches(does_not_show).chars().count() < LEAST {
        return Some(Weakness::Padded);
    }
    let holds = |text: &str| {
        let word = fold(text);
        !word.is_empty() && folded.contains(&word)
    };
    if holds(known.email) {
        return Some(Weakness::HoldsAddress);
    }
    if known.refused_words.iter().any(|word| holds(word)) {
        return Some(Weakness::HoldsRefusedWord);
    }
    is_name(&folded, known).then_some(Weakness::IsName)
}

/// The form in which words and passwords are compared.
pub(crate) fn fold(text: &str) -> String {
    let shown = text.nfkc().filter(|c| !does_not_show(*c));
    shown.flat_map(char::to_lowercase).collect()
}

/// True if nothing worth a guess is left of a folded password without the names in it.
fn is_name(folded: &str, known: Known<'_>) -> bool {
    let words = names(known);
    if !words.iter().any(|word| folded.contains(word.as_str())) {
        return false;
    }
    let mut rest = folded.to_owned();
    for word in &words {
        rest = rest.replace(word.as_str(), "");
    }
    rest.chars().count() < LEAST || is_common(&rest)
}

/// The person's name and the parts of the address, folded, the longest first.
fn names(known: Known<'_>) -> Vec<String> {
    let (local, domain) = known.email.rsplit_once('@').unwrap_or((known.email, ""));
    let parts = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words.map(fold).chain([fold(text)]).collect()
    };
    let mut names: Vec<String> = [local, domain, known.display_name]
        .into_iter()
        .flat_map(parts)
        .collect();
    names.retain(|name| name.chars().count() >= LEAST_WORD);
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names
}

/// True for a folded password that guessing programs try first, and for one that is a single character many times or none.
fn is_common(folded: &str) -> bool {
    static SET: LazyLock<HashSet<String>> = LazyLock::new(|| COMMON.lines().map(fold).collect());
    SET.contains(folded) || is_one_character(folded)
}

fn is_one_character(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next();
    characters.all(|c| Some(c) == first)
}

/// White space, control characters, and characters of no width.
fn does_not_show(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(password: &str) -> Option<Weakness> {
        let known = Known {
            email: "Alice.Liddell+rp@Example.com",
            display_name: "Al Cheshire",
            refused_words: &["Troupe".to_owned(), "Grand Hotel".to_owned()],
        };
        weakness(password, known)
    }

    #[test]
    fn finds_common_passwords_however_they_are_dressed_up() {
        for common in [
            "password1",
            "PassWord1",
            "qwertyuiop",
            "zzzzzzzzzz",
            " password1",
            "password1 \t\n",
            "\u{a0}password1\u{3000}",
            "\u{feff}password1\u{200b}",
            "pass word 1",
            "ｐａｓｓｗｏｒｄ１",
            "        ",
            " \t \t \t \t ",
        ] {
            assert_eq!(found(common), Some(Weakness::Common), "{common:?}");
        }
    }

    #[test]
    fn white_space_around_makes_no_length() {
        for padded in [
            "xk7!q   ",
            "   xk7!q9z",
            "\u{200b}\u{200b}xk7!q\u{200b}\u{200b}",
        ] {
            assert_eq!(found(padded), Some(Weakness::Padded), "{padded:?}");
        }
        assert_eq!(found("  xk7!q 9z  "), None);
    }

    #[test]
    fn refuses_the_address_and_words_of_the_platform_anywhere() {
        for holds in [
            "alice.liddell+rp@example.com",
            "xx-ALICE.Liddell+RP@EXAMPLE.com-9271",
            "alice.liddell +rp@example.com and more than that",
        ] {
            assert_eq!(found(holds), Some(Weakness::HoldsAddress), "{holds}");
        }
        for holds in [
            "Troupe2026!",
            "my own tRoUpe of monkeys",
            "ＴＲＯＵＰＥ-xk7q",
            "grandhotel 17 x",
        ] {
            assert_eq!(found(holds), Some(Weakness::HoldsRefusedWord), "{holds}");
        }
    }

    #[test]
    fn a_name_is_no_password_and_may_be_in_one() {
        for name in [
            "liddell1865",
            "Alice Liddell",
            "cheshire!",
            "example2026",
            "AliceLiddell99",
            "password1alice",
        ] {
            assert_eq!(found(name), Some(Weakness::IsName), "{name}");
        }
        for other in [
            "alice met a hatter",
            "correct horse battery",
            "pässword-9x",
            "aaaaaaab",
            "al-and-al-again",
        ] {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn lists_several_hundred_that_the_contract_would_take() {
        assert!(COMMON.lines().count() > 500);
        for line in COMMON.lines() {
            assert!(line.chars().count() >= LEAST, "{line}");
            assert_eq!(line, line.to_lowercase());
        }
    }
}
