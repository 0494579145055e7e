//! The service's configuration (`TROUPE__AI__…`). `config.default.toml` at the root shows every key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine::{CacheType, Options, weights};
use platform::config::address;
use serde::Deserialize;

pub use crate::domain::{Form, Preference};

mod breakers;
mod embeddings;
mod key;
mod routes;
mod server;
mod validate;

pub use breakers::BreakerConfig;
pub use embeddings::{Embedding, EmbeddingsConfig};
pub use key::{ApiKey, KeyConfig};
pub use routes::{AUTO, CandidateConfig, RouteConfig};
pub use server::{Kind, MaxTokensField, ModelConfig, ServerConfig};

/// Name of the engine in the process, the first part of its model's id.
pub(crate) const LOCAL: &str = "local";
/// Name of the server in `ai.openai`, the first part of its models' ids.
pub(crate) const OPENAI: &str = "openai";
/// What the model is called that is fetched where no file is named.
const FETCHED_MODEL: &str = "gemma-3-270m";
/// Fields that a request can do without.
pub(crate) const OPTIONAL_FIELDS: &[&str] = &[
    "stream_options",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "repetition_penalty",
    "repeat_penalty",
    "seed",
    "stop",
    "name",
    "continue_final_message",
    "add_generation_prompt",
];

/// Which models there are.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Id of the model that is used where none is named, such as `local/gemma-3-270m` or `openai/gpt-5-mini`. Empty: the
    /// first model of the only server if there is one, else the local one. May be a route's.
    pub default_model: String,
    /// The tier of people, as routes have it, as long as accounts have none.
    pub default_tier: String,
    /// The engine in the process.
    pub local: LocalConfig,
    /// An OpenAI-compatible server, called `openai`.
    pub openai: ServerConfig,
    /// Further servers by their names, which are the first part of their models' ids.
    pub servers: BTreeMap<String, ServerConfig>,
    /// How texts become vectors.
    pub embeddings: EmbeddingsConfig,
    /// When a model that fails isn't asked for a while.
    pub breakers: BreakerConfig,
    /// Names under which several models are asked for.
    pub routes: Vec<RouteConfig>,
}

/// The engine in the process.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocalConfig {
    /// Whether it runs. Absent: unless a server is configured, and neither `default_model` nor a route names a model of the engine.
    pub enabled: Option<bool>,
    /// A GGUF file. Absent: a small model is fetched at the first start.
    pub path: Option<PathBuf>,
    /// Where that small model is fetched from first.
    #[serde(deserialize_with = "address")]
    pub url: String,
    /// The Python whose pip fetches it where that address can't be reached.
    pub python: PathBuf,
    /// The longest prompt and reply together, in tokens; the model's own window if that is smaller. Bounds memory.
    pub window_tokens: u32,
    /// Most tokens of a reply.
    pub max_reply_tokens: u32,
    /// How many generations run at once.
    pub slots: usize,
    /// How many more may wait for a slot; others are refused.
    pub queue: usize,
    /// How keys and values are kept: `f16` or `f32`.
    pub cache: CacheType,
    /// How many threads compute. Absent: as many as there are physical cores.
    pub threads: Option<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default_model: String::new(),
            default_tier: "free".to_owned(),
            local: LocalConfig::default(),
            openai: ServerConfig::default(),
            servers: BTreeMap::new(),
            embeddings: EmbeddingsConfig::default(),
            breakers: BreakerConfig::default(),
            routes: Vec::new(),
        }
    }
}

impl Default for LocalConfig {
    fn default() -> Self {
        Self {
            enabled: None,
            path: None,
            url: weights::DEFAULT_URL.to_owned(),
            python: PathBuf::from("python3"),
            window_tokens: 8192,
            max_reply_tokens: 2048,
            slots: 4,
            queue: 64,
            cache: CacheType::default(),
            threads: None,
        }
    }
}

impl Config {
    /// Whether the engine in the process runs.
    pub fn local_enabled(&self) -> bool {
        let is_local = |id: &str| id.starts_with("local/");
        let candidates = || self.routes.iter().flat_map(|route| &route.candidates);
        let asked_for = is_local(&self.default_model) || candidates().any(|it| is_local(&it.model));
        let chosen = self.local.enabled;
        chosen.unwrap_or(self.servers().next().is_none() || asked_for)
    }

    /// The servers with their names, the one in `ai.openai` first.
    pub fn servers(&self) -> impl Iterator<Item = (&str, &ServerConfig)> {
        let openai = Some((OPENAI, &self.openai)).filter(|_| self.has_openai());
        let others = self.servers.iter().map(|(name, server)| (&**name, server));
        openai.into_iter().chain(others)
    }

    /// The server of a name.
    pub fn server(&self, name: &str) -> Option<&ServerConfig> {
        let mut servers = self.servers();
        servers
            .find(|(known, _)| *known == name)
            .map(|(_, server)| server)
    }

    /// Where a server of this name is configured, such as `ai.servers.claude`.
    pub fn setting_of(&self, name: &str) -> String {
        match name {
            OPENAI if self.has_openai() => "ai.openai".to_owned(),
            name => format!("ai.servers.{name}"),
        }
    }

    /// Whether there is a server in `ai.openai`.
    fn has_openai(&self) -> bool {
        !self.openai.base_url.is_empty()
    }
}

impl LocalConfig {
    /// How the engine runs.
    pub fn options(&self) -> Options {
        Options {
            window: self.window_tokens,
            slots: self.slots,
            queue: self.queue,
            cache: self.cache,
            threads: self.threads,
        }
    }

    /// The model's name, known before its file is there.
    pub(crate) fn model_name(&self) -> String {
        let stem = self.path.as_ref().and_then(|path| path.file_stem());
        stem.map_or_else(
            || FETCHED_MODEL.to_owned(),
            |stem| stem.to_string_lossy().into_owned(),
        )
    }
}

#[cfg(test)]
mod tests;
