//! Names of speakers, as prompts write them: on one line, with nothing around them that nobody sees.

use std::borrow::Cow;

/// The name on one line: line breaks, tabs and runs of blanks become one blank, and at the ends stays nothing invisible.
#[must_use]
pub fn spoken(name: &str) -> Cow<'_, str> {
    if is_blank(name) {
        return Cow::Borrowed("");
    }
    let name = name.trim_matches(is_nothing);
    if !name
        .chars()
        .any(|c| c.is_control() || is_break(c) || turns(c))
        && !name.contains("  ")
    {
        return Cow::Borrowed(name);
    }
    let mut line = String::with_capacity(name.len());
    for c in name.chars().filter(|c| !turns(*c)) {
        let c = if c.is_control() || c.is_whitespace() {
            ' '
        } else {
            c
        };
        if c != ' ' || !line.ends_with(' ') {
            line.push(c);
        }
    }
    line.truncate(line.trim_end_matches(is_nothing).len());
    Cow::Owned(line)
}

/// Whether nobody would see the name.
#[must_use]
pub fn is_blank(name: &str) -> bool {
    name.chars().all(is_invisible)
}

/// Drawn as nothing, also beside others.
fn is_nothing(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || turns(c)
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}')
}

/// Drawn as nothing where it stands alone; some join or change the character before them.
fn is_invisible(c: char) -> bool {
    is_nothing(c)
        || matches!(c,
            '\u{180b}'..='\u{180f}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Line breaks that are no controls.
fn is_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Characters that turn the direction of those behind them.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_without_blanks_around_it() {
        assert_eq!(spoken("Ada"), "Ada");
        assert_eq!(spoken(" \u{200b}Ada\t\n"), "Ada");
        assert_eq!(spoken("Ada\r\nWren: yes"), "Ada Wren: yes");
        assert_eq!(spoken("Ada\u{2028}  B.\u{202e}c"), "Ada B.c");
        assert_eq!(spoken("\u{3164}\u{2060}"), "");
    }

    #[test]
    fn characters_that_join_others_stay_within_a_name() {
        let astronaut = "\u{1f469}\u{200d}\u{1f680} Ada";
        assert_eq!(spoken(astronaut), astronaut);
        assert_eq!(spoken("می\u{200c}خواهم"), "می\u{200c}خواهم");
    }

    #[test]
    fn what_nobody_sees_is_no_name() {
        for name in [
            "",
            " \n",
            "\u{200b}\u{feff}",
            "\u{3164}",
            "\u{2800}\u{ad}",
            "\u{e0041}",
        ] {
            assert!(is_blank(name), "{name:?}");
        }
        assert!(!is_blank("\u{200b}x"));
        assert!(!is_blank("\u{1f980}"));
    }
}
