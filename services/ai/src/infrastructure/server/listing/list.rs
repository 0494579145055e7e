//! Reads a server's list of models, in whichever shape it comes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::kind;
use super::Found;
use crate::config::ServerConfig;
use crate::infrastructure::dialect;
use crate::infrastructure::upstream::endpoint::address;
use crate::infrastructure::upstream::json::document;
use crate::infrastructure::upstream::piece::count;

/// Ids longer than the contract allows can't be named, and no more models than this are listed.
const MAX_ID_BYTES: usize = 190;
const MAX_MODELS: usize = 1000;

/// The models of a server's list.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The names of those that can chat.
    pub chat: Vec<String>,
    /// The names of the others.
    pub others: Vec<String>,
}

/// Where a server's list of models is.
pub fn listing_url(config: &ServerConfig) -> String {
    address(&config.url(), dialect::of(config.kind).list_path())
}

/// Reads the body of a server's list of models, whichever shape it has; what can't be a model is left out. `None` if it isn't JSON.
pub fn listed(config: &ServerConfig, body: &[u8]) -> Option<Listed> {
    let dialect = dialect::of(config.kind);
    let mut listed = Listed::default();
    for (id, entry) in entries(&document(body)?) {
        let models = match kind::can_chat(&id, entry) {
            true => &mut listed.chat,
            false => &mut listed.others,
        };
        models.push(dialect.model_name(&id));
    }
    Some(listed)
}

/// Those models of an answer of `/models` that can chat.
pub(in super::super) fn read(answer: &Value) -> Vec<Found> {
    let entries = entries(answer).into_iter();
    let chat = entries.filter(|(id, entry)| kind::can_chat(id, entry));
    chat.map(|(id, entry)| read_model(id, entry)).collect()
}

/// The entries of a list with their names: OpenAI's `data`, a bare list, `models`, `result`, or any of these as an object.
fn entries(answer: &Value) -> Vec<(String, &Value)> {
    let members = ["data", "models", "result", "items", "model_list"]
        .into_iter()
        .filter_map(|key| answer.get(key));
    let bare = Some(answer).filter(|answer| answer.is_array());
    let mut found = members
        .chain(bare)
        .map(entries_of)
        .find(|found| !found.is_empty())
        .unwrap_or_default();
    let mut known = BTreeSet::new();
    found.retain(|(id, _)| known.insert(id.clone()));
    found.truncate(MAX_MODELS);
    found
}

fn entries_of(list: &Value) -> Vec<(String, &Value)> {
    let named = |entry| Some((name_of(entry)?, entry));
    match list {
        Value::Array(entries) => entries.iter().filter_map(named).collect(),
        Value::Object(members) => match members.get("models").or_else(|| members.get("data")) {
            Some(within @ Value::Array(_)) => entries_of(within),
            // By their names; other objects have other members.
            _ if members.values().all(Value::is_object) => {
                let entry = |(name, entry): (&String, _)| {
                    Some((name_of(entry).or_else(|| usable(name))?, entry))
                };
                members.iter().filter_map(entry).collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The name of a model: of a text itself, of an object its id.
fn name_of(entry: &Value) -> Option<String> {
    let members = [
        "id",
        "name",
        "model",
        "model_id",
        "model_name",
        "key",
        "slug",
    ];
    let mut names = members
        .into_iter()
        .filter_map(|key| entry.get(key))
        .filter_map(|name| match name {
            Value::String(name) => usable(name),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
    names.next().or_else(|| usable(entry.as_str()?))
}

fn usable(name: &str) -> Option<String> {
    let name = name.trim();
    (!name.is_empty() && name.len() <= MAX_ID_BYTES).then(|| name.to_owned())
}

fn read_model(id: String, model: &Value) -> Found {
    let meta = model.get("meta");
    let trained_for = meta.and_then(|meta| number(meta, "n_ctx_train"));
    let runs_with = meta.and_then(|meta| number(meta, "n_ctx"));
    let top_provider = model.get("top_provider");
    let first = |keys: &[&str]| keys.iter().find_map(|key| number(model, key));
    let display_name = ["display_name", "displayName", "name"]
        .into_iter()
        .filter_map(|key| model.get(key)?.as_str());
    let display_name = display_name
        .into_iter()
        .find(|name| !name.trim().is_empty() && *name != id);
    Found {
        display_name: display_name.or(file_stem(&id)).map(str::to_owned),
        window_tokens: first(&[
            "loaded_context_length",
            "max_model_len",
            "context_length",
            "context_window",
        ])
        .or(runs_with)
        .or_else(|| {
            first(&[
                "max_context_length",
                "context_size",
                "inputTokenLimit",
                "max_input_tokens",
                "n_ctx",
            ])
        })
        .or_else(|| number(top_provider?, "context_length"))
        .or(trained_for),
        max_reply_tokens: top_provider
            .and_then(|provider| number(provider, "max_completion_tokens"))
            .or_else(|| {
                first(&[
                    "max_completion_tokens",
                    "max_output_tokens",
                    "outputTokenLimit",
                ])
            }),
        is_llama_cpp: trained_for.is_some(),
        wants_props: trained_for.is_some() && runs_with.is_none(),
        id,
    }
}

/// The name of a model that llama.cpp calls by the path of its file.
fn file_stem(id: &str) -> Option<&str> {
    id.strip_suffix(".gguf")?.rsplit('/').next()
}

/// A number of a model that isn't 0.
pub(super) fn number(value: &Value, key: &str) -> Option<u32> {
    count(value, key).filter(|number| *number > 0)
}
