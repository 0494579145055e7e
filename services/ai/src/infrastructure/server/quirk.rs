//! What a server refuses of what others take. Learned from its refusals, model by model; configuration overrules it.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use crate::config::OPTIONAL_FIELDS;
use crate::infrastructure::upstream::endpoint::Refusal;

/// Names of fields in other dialects than OpenAI's, and OpenAI's own.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("topp", "top_p"),
    ("p", "top_p"),
    ("topk", "top_k"),
    ("k", "top_k"),
    ("stop_sequences", "stop"),
    ("stopsequences", "stop"),
    ("maxoutputtokens", "max_tokens"),
    ("max_output_tokens", "max_tokens"),
];
/// Fields whose names are common words: refusals quote them.
const COMMON_WORDS: &[&str] = &["stop", "name", "seed", "stream", "p", "k"];

/// Something that a server refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Quirk {
    /// Roles must alternate, and the person begins.
    AlternatingRoles,
    /// There is no role for instructions.
    NoSystemRole,
    /// The person must have the last word.
    LastUser,
    /// It must be told to go on with a last message of the character.
    ContinueFlag,
    /// It limits the reply by `max_completion_tokens`.
    MaxCompletionTokens,
    /// It limits the reply by `max_tokens`.
    MaxTokens,
    /// It doesn't stream.
    NoStream,
    /// It doesn't take a field.
    NoField(&'static str),
}

impl Quirk {
    /// The field that isn't taken, if it is about one.
    pub(super) fn field(&self) -> Option<String> {
        match self {
            Self::NoField(field) => Some((*field).to_owned()),
            _ => None,
        }
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlternatingRoles => f.write_str("alternating_roles"),
            Self::NoSystemRole => f.write_str("no_system_role"),
            Self::LastUser => f.write_str("last_user"),
            Self::ContinueFlag => f.write_str("continue_flag"),
            Self::MaxCompletionTokens => f.write_str("max_completion_tokens"),
            Self::MaxTokens => f.write_str("max_tokens"),
            Self::NoStream => f.write_str("no_stream"),
            Self::NoField(field) => write!(f, "no_{field}"),
        }
    }
}

/// A name that no quirk has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownQuirk;

impl FromStr for Quirk {
    type Err = UnknownQuirk;

    fn from_str(name: &str) -> Result<Self, UnknownQuirk> {
        let plain = [
            Self::AlternatingRoles,
            Self::NoSystemRole,
            Self::LastUser,
            Self::ContinueFlag,
            Self::MaxCompletionTokens,
            Self::MaxTokens,
            Self::NoStream,
        ];
        let fields = OPTIONAL_FIELDS.iter().map(|field| Self::NoField(field));
        let mut all = plain.into_iter().chain(fields);
        all.find(|quirk| quirk.to_string() == name)
            .ok_or(UnknownQuirk)
    }
}

/// What is known of the models. Shared by all generations.
#[derive(Debug, Default)]
pub(super) struct Quirks {
    refused: RwLock<HashMap<String, BTreeSet<Quirk>>>,
    /// The windows that the server named when a prompt was too long. Kept as long as the process runs: servers start anew with
    /// others.
    windows: RwLock<HashMap<String, u32>>,
}

impl Quirks {
    /// What is known of a model.
    pub(super) fn of(&self, model: &str) -> BTreeSet<Quirk> {
        let known = self.refused.read().unwrap_or_else(PoisonError::into_inner);
        known.get(model).cloned().unwrap_or_default()
    }

    /// Adds what was found out; gives what is new of it.
    pub(super) fn add(&self, model: &str, quirks: impl IntoIterator<Item = Quirk>) -> Vec<Quirk> {
        let mut known = self.refused.write().unwrap_or_else(PoisonError::into_inner);
        let of_model = known.entry(model.to_owned()).or_default();
        quirks
            .into_iter()
            .filter(|quirk| of_model.insert(*quirk))
            .collect()
    }
}

impl Quirks {
    /// Takes note of a window that the server named.
    pub(super) fn saw_window(&self, model: &str, window: u32) {
        let mut windows = self.windows.write().unwrap_or_else(PoisonError::into_inner);
        windows.insert(model.to_owned(), window);
    }

    /// The window that the server named for a model, if it ever did.
    pub(super) fn window(&self, model: &str) -> Option<u32> {
        let windows = self.windows.read().unwrap_or_else(PoisonError::into_inner);
        windows.get(model).copied()
    }
}

/// What a refusal teaches. `fields` are those of the request.
pub(super) fn lessons(refusal: &Refusal, fields: &BTreeSet<String>) -> Vec<Quirk> {
    let status = refusal.status.map(|status| status.as_u16());
    if !matches!(status, None | Some(400 | 404 | 415 | 422 | 500 | 501)) {
        return Vec::new();
    }
    let words = &*refusal.words;
    let of_roles = of_roles(words);
    if !of_roles.is_empty() {
        return of_roles;
    }
    if let Some(quirk) = of_limit(words, fields) {
        return vec![quirk];
    }
    if fields.contains("stream") && refuses_streams(words) {
        return vec![Quirk::NoStream];
    }
    let goes = |field: &str| {
        let others = OTHER_NAMES.iter().filter(|(_, common)| *common == field);
        let mut names = others.map(|(name, _)| *name).chain([field]);
        fields.contains(field) && names.any(|name| is_refused(words, name))
    };
    let refused = OPTIONAL_FIELDS.iter().filter(|field| goes(field));
    let mut refused: Vec<Quirk> = refused.map(|field| Quirk::NoField(field)).collect();
    if words.contains("cannot both be") && refused.len() > 1 {
        // One of the two goes: Anthropic's newer models take either `temperature` or `top_p`.
        refused.retain(|quirk| *quirk != Quirk::NoField("temperature"));
    }
    refused
}

/// OpenAI's name of a field.
pub(super) fn common_name(name: &str) -> &str {
    let lower = name.to_ascii_lowercase();
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == lower);
    other.map_or(name, |(_, common)| *common)
}

fn says(words: &str, any: &[&str]) -> bool {
    any.iter().any(|phrase| words.contains(phrase))
}

/// What chat templates and servers say of roles.
fn of_roles(words: &str) -> Vec<Quirk> {
    const NO_SYSTEM: &[&str] = &[
        "system role not supported",
        "system role is not supported",
        "does not support system",
        "doesn't support system",
        "system messages are not supported",
        "system message is not supported",
        "system prompt is not supported",
        "system instruction is not supported",
        "developer instruction is not enabled",
        "unsupported role: system",
        "only user and assistant roles are supported",
        "only user and model roles are supported",
        "role 'system' is not supported",
    ];
    const ALTERNATE: &[&str] = &[
        "must alternate",
        "must strictly alternate",
        "should alternate",
        "alternate between",
        "roles alternate",
        "alternating",
        "after the optional system message",
        "after role 'system'",
        "unexpected role '",
        "consecutive messages",
        "consecutive user",
        "consecutive assistant",
        "first message must be",
        "first message must have",
        "must start with a user",
        "must begin with a user",
        "first message should be",
        "system message must be at the beginning",
        "system message must be the first",
        "only the first message can",
        "only the first message may",
        "system message can only be",
    ];
    const LAST_USER: &[&str] = &[
        "last message must",
        "last message should be",
        "last message must be from",
        "expected last role user",
        "must end with a user",
        "does not support assistant message prefill",
        "prefill is not supported",
        "prefill is incompatible",
        "prefilling",
        "no user query found",
        "end with a user role",
        "ends with a user role",
    ];
    if words.contains("continue_final_message") && words.contains("add_generation_prompt") {
        return vec![Quirk::ContinueFlag];
    }
    if says(words, NO_SYSTEM) {
        return vec![Quirk::NoSystemRole, Quirk::AlternatingRoles];
    }
    if says(words, LAST_USER) {
        return vec![Quirk::LastUser];
    }
    if says(words, ALTERNATE) {
        return vec![Quirk::AlternatingRoles];
    }
    Vec::new()
}

/// Which field limits the reply, where the other one is refused.
fn of_limit(words: &str, fields: &BTreeSet<String>) -> Option<Quirk> {
    let sent = |field: &str| fields.contains(field);
    if sent("max_tokens") && is_refused(words, "max_tokens") {
        return Some(Quirk::MaxCompletionTokens);
    }
    (sent("max_completion_tokens") && is_refused(words, "max_completion_tokens"))
        .then_some(Quirk::MaxTokens)
}

fn refuses_streams(words: &str) -> bool {
    const PHRASES: &[&str] = &[
        "streaming is not supported",
        "streaming not supported",
        "does not support streaming",
        "doesn't support streaming",
        "stream is not supported",
        "verified to stream",
        "streaming is disabled",
    ];
    says(words, PHRASES) || is_refused(words, "stream")
}

/// Whether a refusal is about a field, as opposed to its value.
fn is_refused(words: &str, field: &str) -> bool {
    const PHRASES: &[&str] = &[
        "extra_forbidden",
        "extra inputs are not permitted",
        "extra fields not permitted",
        "not permitted",
        "not allowed",
        "unrecognized",
        "unrecognised",
        "unknown",
        "unexpected",
        "unsupported",
        "not supported",
        "isn't supported",
        "does not support",
        "doesn't support",
        "not available",
        "additional properties",
        "additionalproperties",
        "deprecated",
        "cannot find field",
        "not implemented",
        "no such field",
        "cannot be used",
        "cannot both be specified",
    ];
    mentions(words, field) && says(words, PHRASES)
}

/// Whether a field is named, as a word of its own.
fn mentions(words: &str, field: &str) -> bool {
    let is_part =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let is_quote =
        |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b'"' | b'\'' | b'`' | b'.'));
    let must_be_quoted = COMMON_WORDS.contains(&field);
    let bytes = words.as_bytes();
    words.match_indices(field).any(|(at, _)| {
        let (before, after) = (
            at.checked_sub(1).and_then(|at| bytes.get(at)),
            bytes.get(at + field.len()),
        );
        // A quote within a text of JSON has a backslash before it.
        let is_quoted = is_quote(before) && (is_quote(after) || after == Some(&b'\\'));
        !is_part(before) && !is_part(after) && (!must_be_quoted || is_quoted)
    })
}

#[cfg(test)]
mod tests;
