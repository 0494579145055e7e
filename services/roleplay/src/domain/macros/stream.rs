//! Resolves the macros of a text that comes in pieces: a piece is given on once no macro can be open in it any more.

use super::{Growth, Macros, Purpose, expand::MARKERS};
use crate::domain::random::seed_for;

/// Most text that is held back for a macro to close. What is longer is no macro that anybody meant.
const MAX_HELD_BYTES: usize = 4 << 10;
/// What macros may add to one text.
const MAX_GROWTH_BYTES: usize = 256 << 10;

/// Resolves the macros of one text.
#[derive(Debug)]
pub struct Resolver {
    held: String,
    /// Bytes that were taken before.
    taken: u64,
    growth: Growth,
}

impl Default for Resolver {
    fn default() -> Self {
        Self {
            held: String::new(),
            taken: 0,
            growth: Growth::within(MAX_GROWTH_BYTES),
        }
    }
}

impl Resolver {
    /// What of the text so far is resolved and wasn't returned before. `macros` makes what the macros stand for, of a seed.
    pub fn push<'m>(&mut self, piece: &str, macros: impl FnOnce(u64) -> Macros<'m>) -> String {
        self.held.push_str(piece);
        let whole = closed(&self.held);
        let rest = self.held.split_off(whole);
        let text = std::mem::replace(&mut self.held, rest);
        if self.held.len() > MAX_HELD_BYTES {
            let rest = std::mem::take(&mut self.held);
            return self.resolve(text + &rest, macros);
        }
        self.resolve(text, macros)
    }

    /// What is left when nothing follows.
    pub fn finish<'m>(&mut self, macros: impl FnOnce(u64) -> Macros<'m>) -> String {
        let rest = std::mem::take(&mut self.held);
        self.resolve(rest, macros)
    }

    fn resolve<'m>(&mut self, text: String, macros: impl FnOnce(u64) -> Macros<'m>) -> String {
        let seed = seed_for(0, "a piece of a text", self.taken);
        self.taken += text.len() as u64;
        if memchr::memchr2(b'{', b'<', text.as_bytes()).is_none() {
            return text;
        }
        let text = macros(seed).render_within(&text, Purpose::Prompt, &self.growth);
        text.into_owned()
    }
}

/// How many bytes at the beginning hold no macro that is still open.
fn closed(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut open) = (0, Vec::new());
    while let Some(offset) = memchr::memchr2(b'{', b'}', &bytes[at..]) {
        at += offset;
        let brace = bytes[at];
        if bytes.get(at + 1) == Some(&brace) {
            match brace {
                b'{' => open.push(at),
                _ => drop(open.pop()),
            }
            at += 2;
        } else {
            at += 1;
        }
    }
    let end = open.first().copied().unwrap_or(bytes.len());
    end.min(bytes.len() - begun(text))
}

/// How many bytes at the end may be the beginning of a macro.
fn begun(text: &str) -> usize {
    if text.ends_with('{') && !text.ends_with("{{") {
        return 1;
    }
    let Some(start) = text.rfind('<') else {
        return 0;
    };
    let tail = &text.as_bytes()[start..];
    let is_begun = |(marker, _): &(&str, &str)| {
        let head = marker.as_bytes().get(..tail.len());
        tail.len() < marker.len() && head.is_some_and(|head| head.eq_ignore_ascii_case(tail))
    };
    if MARKERS.iter().any(is_begun) {
        tail.len()
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resolved(pieces: &[&str]) -> Vec<String> {
        let mut resolver = Resolver::default();
        let macros = |seed| Macros {
            seed,
            ..Macros::of_names("Wren", "Ada", 7)
        };
        let mut texts: Vec<String> = pieces.iter().map(|it| resolver.push(it, macros)).collect();
        texts.push(resolver.finish(macros));
        texts
    }

    #[test]
    fn gives_on_at_once_what_no_macro_is_open_in() {
        assert_eq!(
            resolved(&["Hi ", "{", "{us", "er}", "}, x", "{y}"]),
            ["Hi ", "", "", "", "Ada, x", "{y}", ""]
        );
        assert_eq!(
            resolved(&["a <", "us", "er> b <p"]),
            ["a ", "", "Ada b <p", ""]
        );
    }

    #[test]
    fn gives_on_at_the_end_what_never_closed() {
        assert_eq!(resolved(&["a {{b {{char}}"]), ["a ", "{{b Wren"]);
        assert_eq!(resolved(&["a {"]), ["a ", "{"]);
    }

    #[test]
    fn holds_back_only_so_much() {
        let long = "x".repeat(MAX_HELD_BYTES);
        assert_eq!(resolved(&["{{", &long])[1], format!("{{{{{long}"));
    }

    #[test]
    fn rolls_anew_for_each_macro() {
        let pieces = vec!["{{roll:1000}},"; 20];
        let rolled: std::collections::BTreeSet<_> = resolved(&pieces).into_iter().collect();
        assert!(rolled.len() > 10, "{rolled:?}");
    }

    proptest! {
        #[test]
        fn pieces_come_to_the_same_as_the_whole(text in "[{}<>a-z:/ \nüUSER]{0,60}", cut in 0..60_usize) {
            let cut = text.floor_char_boundary(cut);
            let (head, tail) = text.split_at(cut);
            prop_assert_eq!(resolved(&[head, tail]).concat(), resolved(&[&text]).concat());
        }

        #[test]
        fn macros_in_pieces_come_to_the_same(parts in prop::collection::vec(prop::sample::select(vec![
            "{{", "}}", "{", "}", "char", "user", "<USER>", "<", "noop", " ", "ü",
        ]), 0..20), cut in 0..60_usize) {
            let text = parts.concat();
            let cut = text.floor_char_boundary(cut);
            let (head, tail) = text.split_at(cut);
            prop_assert_eq!(resolved(&[head, tail]).concat(), resolved(&[&text]).concat());
        }
    }
}
