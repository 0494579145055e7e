//! The expander: one pass over the text with a stack of open `{{`.
//!
//! A closed macro is replaced in the output, so that inner macros are arguments of outer ones.
//! What they inserted is remembered as holes: separators and names in a hole don't count.

use std::{borrow::Cow, cell::Cell, ops::Range};

use super::{Growth, Macros, Purpose, values};

/// Deepest nesting of macros; braces beyond it are text.
const MAX_DEPTH: usize = 32;
pub(super) const MARKERS: [(&str, &str); 5] = [
    ("<user>", "user"),
    ("<bot>", "char"),
    ("<char>", "char"),
    ("<group>", "group"),
    ("<charifnotgroup>", "group"),
];

/// What holds for a text and all the fields that it inserts.
pub(super) struct Rules<'r> {
    pub(super) macros: &'r Macros<'r>,
    pub(super) purpose: Purpose,
    /// Taken by the first `{{original}}`.
    pub(super) original: Cell<Option<&'r str>>,
    pub(super) growth: &'r Growth,
}

/// What a macro stands for.
pub(super) enum Outcome {
    Text(String),
    /// Nothing, and the line breaks around it go too.
    Trim,
    /// Not a macro, or not with these arguments: stays as it is written.
    Literal,
}

/// A closed macro: the text between its braces, with where in it text was inserted.
pub(super) struct Call<'c> {
    pub(super) body: &'c str,
    pub(super) holes: &'c [Range<usize>],
    /// Where in its text the macro ends, and that text.
    pub(super) offset: usize,
    pub(super) source: &'c str,
    /// Whether macros of card fields are open here; in a field's own text they aren't.
    pub(super) fields_open: bool,
}

struct Frame {
    /// Offset of the `{{` in the output.
    start: usize,
    holes: Vec<Range<usize>>,
}

pub(super) fn expand<'t>(text: &'t str, rules: &Rules<'_>, fields_open: bool) -> Cow<'t, str> {
    let mut expander = Expander {
        text,
        rules,
        fields_open,
        at: 0,
        out: String::with_capacity(text.len() + 64),
        frames: Vec::new(),
        changed: false,
    };
    expander.run();
    if expander.changed {
        Cow::Owned(expander.out)
    } else {
        Cow::Borrowed(text)
    }
}

struct Expander<'t, 'e, 'r> {
    text: &'t str,
    rules: &'e Rules<'r>,
    fields_open: bool,
    at: usize,
    out: String,
    frames: Vec<Frame>,
    changed: bool,
}

impl Expander<'_, '_, '_> {
    fn run(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(offset) = memchr::memchr3(b'{', b'}', b'<', &bytes[self.at..]) {
            let found = self.at + offset;
            self.out.push_str(&self.text[self.at..found]);
            self.at = found;
            match bytes[found] {
                b'{' => self.open(),
                b'}' => self.close(),
                _ => self.marker(),
            }
        }
        self.out.push_str(&self.text[self.at..]);
    }

    /// Of an odd number of braces the first is text: `{{{char}}}` is a name in braces.
    fn open(&mut self) {
        let braces = self.text[self.at..]
            .bytes()
            .take_while(|byte| *byte == b'{')
            .count();
        self.at += braces;
        if braces % 2 == 1 {
            self.out.push('{');
        }
        for _ in 0..braces / 2 {
            if self.frames.len() < MAX_DEPTH {
                self.frames.push(Frame {
                    start: self.out.len(),
                    holes: Vec::new(),
                });
            }
            self.out.push_str("{{");
        }
    }

    fn close(&mut self) {
        let is_pair = self.text[self.at..].starts_with("}}");
        let Some(frame) = (if is_pair { self.frames.pop() } else { None }) else {
            self.out.push('}');
            self.at += 1;
            return;
        };
        self.at += 2;
        let body_start = frame.start + 2;
        let holes: Vec<Range<usize>> = frame
            .holes
            .iter()
            .map(|hole| hole.start - body_start..hole.end - body_start)
            .collect();
        let call = Call {
            body: &self.out[body_start..],
            holes: &holes,
            offset: self.at,
            source: self.text,
            fields_open: self.fields_open,
        };
        match values::evaluate(&call, self.rules) {
            Outcome::Text(value) if self.rules.growth.add(value.len()) => {
                self.out.truncate(frame.start);
                self.insert(&value);
            }
            Outcome::Trim => self.trim(frame.start),
            Outcome::Text(_) | Outcome::Literal => {
                self.out.push_str("}}");
                if let Some(parent) = self.frames.last_mut() {
                    parent.holes.extend(frame.holes);
                }
            }
        }
    }

    fn insert(&mut self, value: &str) {
        let start = self.out.len();
        self.out.push_str(value);
        self.changed = true;
        if let Some(parent) = self.frames.last_mut() {
            parent.holes.push(start..self.out.len());
        }
    }

    fn trim(&mut self, start: usize) {
        let floor = self.frames.last().map_or(0, |frame| frame.start + 2);
        let kept = self.out[floor..start].trim_end_matches(['\r', '\n']).len();
        self.out.truncate(floor + kept);
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(['\r', '\n']).len();
        self.changed = true;
    }

    fn marker(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        for (marker, name) in MARKERS {
            let found = rest
                .get(..marker.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(marker.as_bytes()));
            let macros = self.rules.macros;
            let value = match name {
                "user" => &*macros.user,
                "group" => macros.group_name(),
                _ => &*macros.char,
            };
            if found && self.rules.growth.add(value.len()) {
                let value = value.to_owned();
                self.insert(&value);
                self.at += marker.len();
                return;
            }
        }
        self.out.push('<');
        self.at += 1;
    }
}
