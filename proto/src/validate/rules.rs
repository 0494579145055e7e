//! The rules of `buf.validate` that our contracts use, with its semantics: lengths count Unicode code points.

use std::sync::OnceLock;

use regex::Regex;

use super::Violations;

/// A pattern of the contract, compiled at first use.
#[derive(Debug)]
pub struct Pattern {
    source: &'static str,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern that the build has found sound.
    pub const fn new(source: &'static str) -> Self {
        Self {
            source,
            regex: OnceLock::new(),
        }
    }

    fn matches(&self, value: &str) -> bool {
        let regex = self.regex.get_or_init(|| Regex::new(self.source).ok());
        regex.as_ref().is_some_and(|r| r.is_match(value))
    }
}

fn ensure(
    violations: &mut Violations,
    holds: bool,
    field: &str,
    description: impl FnOnce() -> String,
) {
    if !holds {
        violations.add(field, description());
    }
}

/// True for the value that an absent field has.
pub(super) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Code points of a text; the byte length answers for ASCII without counting.
fn length(value: &str) -> u64 {
    if value.is_ascii() {
        value.len() as u64
    } else {
        value.chars().count() as u64
    }
}

pub(super) fn required(v: &mut Violations, field: &str, is_set: bool) {
    ensure(v, is_set, field, || "must be set".to_owned());
}

pub(super) fn string_min_len(v: &mut Violations, field: &str, value: &str, min: u64) {
    ensure(v, length(value) >= min, field, || match min {
        1 => "must not be empty".to_owned(),
        _ => format!("must be at least {min} characters long"),
    });
}

pub(super) fn string_max_len(v: &mut Violations, field: &str, value: &str, max: u64) {
    ensure(
        v,
        value.len() as u64 <= max || length(value) <= max,
        field,
        || format!("must be at most {max} characters long"),
    );
}

/// A TypeID: its prefix, and 128 bits in 26 characters of Crockford's base 32.
pub(super) fn string_id(v: &mut Violations, field: &str, value: &str, prefix: &str) {
    let is_digit = |c: u8| c.is_ascii_digit() || c.is_ascii_lowercase() && !b"ilou".contains(&c);
    let is_suffix =
        |rest: &[u8]| rest.len() == 26 && rest[0] <= b'7' && rest.iter().all(|c| is_digit(*c));
    let rest = value.strip_prefix(prefix).map(str::as_bytes);
    ensure(v, rest.is_some_and(is_suffix), field, || {
        format!("must be an id: {prefix} and 26 characters")
    });
}

pub(super) fn string_pattern(v: &mut Violations, field: &str, value: &str, pattern: &Pattern) {
    ensure(v, pattern.matches(value), field, || {
        format!("must match {}", pattern.source)
    });
}

/// An address as HTML's `input type=email` takes it, which is what protovalidate checks.
pub(super) fn string_email(v: &mut Violations, field: &str, value: &str) {
    static EMAIL: Pattern = Pattern::new(
        "^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$",
    );
    ensure(v, EMAIL.matches(value), field, || {
        "must be an e-mail address".to_owned()
    });
}

pub(super) fn int_gte(v: &mut Violations, field: &str, value: i128, limit: i128) {
    ensure(v, value >= limit, field, || {
        format!("must be at least {limit}")
    });
}

pub(super) fn int_lte(v: &mut Violations, field: &str, value: i128, limit: i128) {
    ensure(v, value <= limit, field, || {
        format!("must be at most {limit}")
    });
}

// NaN compares false, so it breaks every bound, as protovalidate has it.
pub(super) fn float_gte(v: &mut Violations, field: &str, value: f64, limit: f64) {
    ensure(v, value >= limit, field, || {
        format!("must be at least {limit}")
    });
}

pub(super) fn float_lte(v: &mut Violations, field: &str, value: f64, limit: f64) {
    ensure(v, value <= limit, field, || {
        format!("must be at most {limit}")
    });
}

pub(super) fn enum_defined(v: &mut Violations, field: &str, is_defined: bool) {
    ensure(v, is_defined, field, || {
        "must be one of the enum's values".to_owned()
    });
}

pub(super) fn enum_not_in(v: &mut Violations, field: &str, value: i32, refused: &[i32]) {
    ensure(v, !refused.contains(&value), field, || {
        format!("must not be {value}")
    });
}

pub(super) fn min_items(v: &mut Violations, field: &str, count: usize, min: u64) {
    ensure(v, count as u64 >= min, field, || {
        format!("must have at least {min} items")
    });
}

pub(super) fn max_items(v: &mut Violations, field: &str, count: usize, max: u64) {
    ensure(v, count as u64 <= max, field, || {
        format!("must have at most {max} items")
    });
}
