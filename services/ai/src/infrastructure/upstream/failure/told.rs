//! What an error body says, whichever shape it has: `{"error": …}` around a text, an object or a list; FastAPI's `detail`;
//! the error itself; and any of these within a list or within a text.

use serde_json::Value;

use super::super::json;
use super::shorten;

/// How deep bodies are looked into, and how many of their words are kept.
const MAX_DEPTH: usize = 8;
const MAX_WORDS_BYTES: usize = 8 << 10;
/// Members that name the kind of a failure.
const NAMES: &[&str] = &[
    "type",
    "code",
    "status",
    "reason",
    "error_type",
    "error_code",
    "errorCode",
    "__type",
];
/// Members with the words for people, the best one first.
const MESSAGES: &[&str] = &[
    "message",
    "msg",
    "detail",
    "error_description",
    "error_message",
    "error_msg",
    "errorMessage",
    "Message",
    "status_msg",
    "description",
    "faultstring",
    "title",
    "error",
];

/// What an error says.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Its words for people.
    message: String,
    /// All texts in it, in lower case.
    pub(super) words: String,
    /// What it calls itself, in lower case.
    names: Vec<String>,
    /// Numbers by the names of their members, in lower case.
    pub(super) numbers: Vec<(String, f64)>,
    is_moderated: bool,
}

impl Told {
    /// What a body, or the error in it, says.
    pub(super) fn read(value: &Value) -> Self {
        let mut told = Self::default();
        told.collect("", value, MAX_DEPTH);
        told.message = message(value, MAX_DEPTH).unwrap_or_default();
        told
    }

    /// What a body says that is no JSON. Pages of proxies say little.
    pub(super) fn of_text(text: &str) -> Self {
        let is_page = text.trim_start().starts_with('<');
        let message = if is_page { "" } else { text.trim() };
        Self {
            message: message.to_owned(),
            words: message.to_lowercase(),
            ..Self::default()
        }
    }

    pub(super) fn is_any(&self, names: &[&str]) -> bool {
        self.names.iter().any(|name| names.contains(&&**name))
    }

    pub(super) fn says_any(&self, words: &[&str]) -> bool {
        words.iter().any(|words| self.words.contains(words))
    }

    /// Whether the content is what it is about.
    pub(super) fn is_moderated(&self) -> bool {
        self.is_moderated
    }

    /// A number in the place of the code is a status (llama.cpp, vLLM, OpenRouter).
    pub(super) fn status(&self) -> Option<u16> {
        let is_status = |name: &str| {
            matches!(
                name,
                "code" | "status" | "status_code" | "statuscode" | "http_status"
            )
        };
        let numbers = self
            .numbers
            .iter()
            .filter(|(name, _)| is_status(name))
            .map(|(_, number)| *number);
        let named = self.names.iter().filter_map(|name| name.parse().ok());
        let mut statuses = numbers.chain(named).filter(|number| number.fract() == 0.0);
        statuses
            .find(|number| (400.0..600.0).contains(number))
            .map(|number| number as u16)
    }

    /// A number of one of these names.
    pub(super) fn number(&self, names: &[&str]) -> Option<f64> {
        let found = |name: &&str| self.numbers.iter().find(|(found, _)| found == name);
        names.iter().find_map(found).map(|(_, number)| *number)
    }

    pub(super) fn cause(&self, status: u16) -> String {
        match self.message.trim() {
            "" => format!("HTTP status {status}"),
            message => shorten(message),
        }
    }

    fn collect(&mut self, key: &str, value: &Value, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    self.is_moderated |= key == "flagged_input";
                    self.collect(key, value, depth);
                }
            }
            Value::Array(values) => values
                .iter()
                .for_each(|value| self.collect(key, value, depth)),
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or_default();
                self.numbers.push((key.to_lowercase(), number));
            }
            Value::String(text) => self.collect_text(key, text, depth),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn collect_text(&mut self, key: &str, text: &str, depth: usize) {
        if let Some(value) = within(text) {
            return self.collect(key, &value, depth);
        }
        if NAMES.contains(&key) {
            self.names.push(text.to_lowercase());
        }
        if let Ok(number) = text.trim().parse::<f64>() {
            self.numbers.push((key.to_lowercase(), number));
        }
        if self.words.len() < MAX_WORDS_BYTES {
            let end = text.floor_char_boundary(MAX_WORDS_BYTES);
            self.words.push_str(&text[..end].to_lowercase());
            self.words.push('\n');
        }
    }
}

/// The JSON that a text holds, as where a proxy quotes the server behind it.
fn within(text: &str) -> Option<Value> {
    let text = text.trim();
    let is_jsonlike = text.starts_with('{') || text.starts_with('[');
    is_jsonlike.then(|| json::parse(text.as_bytes())).flatten()
}

/// The words for people: of the innermost error that has any.
fn message(value: &Value, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::String(text) => match within(text) {
            Some(value) => message(&value, depth),
            None => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        },
        Value::Array(values) => values.iter().find_map(|value| message(value, depth)),
        Value::Object(object) => {
            let inner = ["error", "errors"]
                .into_iter()
                .filter_map(|key| object.get(key))
                .filter(|inner| !inner.is_string());
            let inner = inner.filter_map(|inner| message(inner, depth)).next();
            inner.or_else(|| {
                MESSAGES
                    .iter()
                    .find_map(|key| message(object.get(*key)?, depth))
            })
        }
        _ => None,
    }
}

/// Whether an object in the place of a completion is an error, or has one.
pub(super) fn is_error(value: &Value) -> bool {
    let Some(object) = value.as_object() else {
        return false;
    };
    let has = |key: &str| object.get(key).is_some_and(says_something);
    let says = |key: &str, word: &str| object.get(key).and_then(Value::as_str) == Some(word);
    if has("error") || has("errors") || says("object", "error") || says("type", "error") {
        return true;
    }
    let is_completion = ["choices", "candidates", "delta", "done", "type"]
        .into_iter()
        .any(|key| object.contains_key(key));
    if is_completion {
        return false;
    }
    // An error of which nothing is said still is one where nothing else is.
    if object
        .get("error")
        .is_some_and(|error| error.as_object().is_some_and(|error| !error.is_empty()))
    {
        return true;
    }
    let has_code = object
        .get("code")
        .or(object.get("status"))
        .is_some_and(is_failure);
    let is_message = ["message", "msg"]
        .into_iter()
        .any(|key| object.get(key).is_some_and(Value::is_string));
    let has_words = ["detail", "error_message", "error_msg", "errorMessage"]
        .into_iter()
        .any(has);
    // MiniMax says so beside an empty completion.
    let base = object
        .get("base_resp")
        .and_then(|base| base.get("status_code"));
    has_words
        || (is_message && has_code)
        || object.get("success") == Some(&Value::Bool(false))
        || base.is_some_and(is_failure)
}

/// Whether a code or a status is that of a failure.
fn is_failure(code: &Value) -> bool {
    const WORDS: &[&str] = &[
        "error",
        "fail",
        "invalid",
        "denied",
        "exceed",
        "exhaust",
        "unavailable",
        "not_found",
        "unauthorized",
    ];
    let number = code.as_f64().or_else(|| code.as_str()?.trim().parse().ok());
    match (number, code.as_str()) {
        (Some(number), _) => number != 0.0 && !(200.0..300.0).contains(&number),
        (None, Some(text)) => {
            let text = text.to_lowercase();
            WORDS.iter().any(|word| text.contains(word))
        }
        (None, None) => false,
    }
}

/// Healthy chunks may have an empty error.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(values) => values.iter().any(says_something),
        Value::Object(object) => object.values().any(says_something),
    }
}
