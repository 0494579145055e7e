//! The dialects that servers speak: how each of them writes a request, and how its answer is read. Everything else they share.

mod anthropic;
mod cohere;
mod gemini;
mod ollama;
mod openai;
mod responses;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value, json};

use super::roles::RoleRules;
use super::upstream::{Outgoing, Reader};
use crate::config::{Kind, MaxTokensField};
use crate::domain::embedder::Purpose;
use crate::domain::provider::{Message, Role};
use crate::domain::{Prompt, Request};

pub(crate) use ollama::describe;

/// A dialect. Pure.
pub(crate) trait Dialect: fmt::Debug + Send + Sync {
    /// The request for a reply, streamed.
    fn completion(&self, request: &Request, traits: &Traits)
    -> Result<Outgoing, serde_json::Error>;

    /// A reader of replies.
    fn reader(&self) -> Box<dyn Reader>;

    /// Whether the server is told a stop text, the `index`th of all. The others are held to by whoever reads the reply.
    fn takes_stop(&self, index: usize, text: &str, traits: &Traits) -> bool;

    /// Where the server's list of models is.
    fn list_path(&self) -> &'static str {
        "models"
    }

    /// The name of a model as requests have it, of its name in the list.
    fn model_name(&self, listed: &str) -> String {
        listed.to_owned()
    }

    /// The request for the vectors of texts; none in a dialect without.
    fn embedding(&self, model: &str, texts: &[&str], purpose: Purpose) -> Option<Outgoing>;

    /// The vectors in an answer, each with its place among the texts.
    fn vectors<'a>(&self, _answer: &'a Value) -> Vec<(usize, &'a Value)> {
        Vec::new()
    }

    /// The tokens of the texts, as far as an answer says.
    fn embedded_tokens(&self, _answer: &Value) -> Option<u32> {
        None
    }
}

/// What a server takes for a model, apart from what all of them take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traits {
    /// Whether it is OpenAI itself, which refuses fields that it doesn't know.
    pub(crate) is_openai: bool,
    /// Whether it streams.
    pub(crate) streams: bool,
    pub(crate) max_tokens_field: MaxTokensField,
    /// Whether it takes `name` of messages.
    pub(crate) names: bool,
    /// Whether it takes `top_k`, `min_p` and the repetition penalty.
    pub(crate) extended_sampling: bool,
    /// Whether it must be told to go on with a last message of the assistant.
    pub(crate) continue_flag: bool,
    /// Whether it repeats a last message of the assistant before it goes on with it.
    pub(crate) echoes: bool,
    pub(crate) roles: RoleRules,
    /// Fields that it refuses, by OpenAI's names.
    pub(crate) refused: BTreeSet<String>,
    /// Most tokens of thoughts.
    pub(crate) thinking_tokens: Option<u32>,
    /// What Gemini's filters let through; empty for the provider's own.
    pub(crate) safety_threshold: String,
}

impl Traits {
    pub(crate) fn takes(&self, field: &str) -> bool {
        !self.refused.contains(field)
    }

    /// A value for a field, unless the server refuses the field.
    fn given<T>(&self, field: &str, value: Option<T>) -> Option<T> {
        value.filter(|_| self.takes(field))
    }
}

/// The dialect of a kind of server.
pub(crate) fn of(kind: Kind) -> &'static dyn Dialect {
    match kind {
        Kind::OpenAi => &openai::OpenAi,
        Kind::OpenAiResponses => &responses::Responses,
        Kind::Anthropic => &anthropic::Anthropic,
        Kind::Gemini => &gemini::Gemini,
        Kind::Cohere => &cohere::Cohere,
        Kind::Ollama => &ollama::Ollama,
    }
}

/// The stop texts that the server is told.
fn told_stop_texts(dialect: &dyn Dialect, request: &Request, traits: &Traits) -> Vec<String> {
    stop_texts(dialect, &request.stop, traits, true)
}

/// The stop texts that the server isn't told.
pub(crate) fn untold_stop_texts(
    dialect: &dyn Dialect,
    stop: &[String],
    traits: &Traits,
) -> Vec<String> {
    stop_texts(dialect, stop, traits, false)
}

fn stop_texts(dialect: &dyn Dialect, stop: &[String], traits: &Traits, told: bool) -> Vec<String> {
    let is_told = |(index, text): &(usize, &String)| {
        (traits.takes("stop") && dialect.takes_stop(*index, text, traits)) == told
    };
    let texts = stop.iter().enumerate().filter(is_told);
    texts.map(|(_, text)| text.clone()).collect()
}

/// A request with a JSON body.
fn post(
    path: impl Into<String>,
    body: &impl serde::Serialize,
) -> Result<Outgoing, serde_json::Error> {
    Ok(Outgoing {
        path: path.into(),
        body: serde_json::to_vec(body)?,
    })
}

/// Adds a member to an object, if there is a value.
fn put(object: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value.into());
    }
}

/// A number as people write it: 0.7 rather than 0.699999988.
fn decimal(number: f32) -> Value {
    number
        .to_string()
        .parse::<f64>()
        .map_or(Value::Null, Value::from)
}

/// The messages of a prompt; a text is one of the person's.
fn messages(prompt: &Prompt) -> Cow<'_, [Message]> {
    match prompt {
        Prompt::Chat(messages) => Cow::Borrowed(messages),
        Prompt::Text(text) => Cow::Owned(vec![Message {
            role: Role::User,
            content: text.clone(),
            name: String::new(),
        }]),
    }
}

/// Messages as most servers take them: with a role and a text.
fn plain_messages(messages: &[Message]) -> Value {
    let plain =
        |message: &Message| json!({"role": role_name(message.role), "content": message.content});
    messages.iter().map(plain).collect()
}

/// OpenAI's names of roles.
fn role_name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// A text among the members of an object.
fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str()
}

/// The values of a list among the members of an object.
fn list<'a>(object: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    object
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod examples;
