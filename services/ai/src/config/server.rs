//! A server of language models: which dialect it speaks, where it is, with which keys, and what its models are like.

use std::time::Duration;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, InvalidHeaderValue};
use platform::config::address;
use serde::Deserialize;
use url::Url;

use super::{ApiKey, Form, KeyConfig};

const OPENAI_HOST: &str = "api.openai.com";
/// The version of Anthropic's API that we speak: newer ones refuse sampling, whatever the model.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// The dialect that a server speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// OpenAI's completions: llama.cpp, vLLM, LM Studio, OpenRouter, OpenAI and many more.
    #[default]
    #[serde(rename = "openai")]
    OpenAi,
    /// OpenAI's Responses.
    #[serde(rename = "openai-responses")]
    OpenAiResponses,
    /// Anthropic's Messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
    /// Cohere, version 2.
    Cohere,
    /// Ollama's own.
    Ollama,
}

/// A server of language models.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// The dialect that it speaks.
    pub kind: Kind,
    /// Where it answers, with the version, such as `http://127.0.0.1:8080/v1`. Empty: the provider's own address; in `ai.openai`,
    /// that there is no server.
    #[serde(deserialize_with = "address")]
    pub base_url: String,
    /// The key. Empty: none.
    pub api_key: ApiKey,
    /// Further keys. Each may have a weight and limits.
    pub keys: Vec<KeyConfig>,
    /// The form of prompts for models that don't say otherwise: `chat` or `text`.
    pub form: Form,
    /// Whether the server is asked which models it has. Absent: if none are listed in `models`.
    pub discover: Option<bool>,
    /// The models, the preferred one first.
    pub models: Vec<ModelConfig>,
    /// What Gemini's filters let through, such as `BLOCK_ONLY_HIGH` or `OFF`. Empty: as the provider has it.
    pub safety_threshold: String,
    /// How long connecting may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long the first piece of a reply may take, in milliseconds.
    pub first_token_timeout_ms: u64,
    /// How long the server may be silent in the middle of a reply, in milliseconds.
    pub idle_timeout_ms: u64,
    /// What the first pause before a retry is about, in milliseconds; each further one is twice as long.
    pub retry_pause_ms: u64,
}

impl Kind {
    /// The provider's own address.
    fn home(self) -> &'static str {
        match self {
            Self::OpenAi | Self::OpenAiResponses => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com/v1",
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta",
            Self::Cohere => "https://api.cohere.com/v2",
            Self::Ollama => "http://127.0.0.1:11434/api",
        }
    }

    /// Whether it turns texts into vectors.
    pub(crate) fn embeds(self) -> bool {
        self != Self::Anthropic
    }

    /// Whether it completes texts, as opposed to chats.
    pub(crate) fn completes_texts(self) -> bool {
        matches!(self, Self::OpenAi | Self::Ollama)
    }

    /// The header that has the key, and what stands before the key in it.
    fn authorization(self) -> (HeaderName, &'static str) {
        match self {
            Self::Anthropic => (HeaderName::from_static("x-api-key"), ""),
            Self::Gemini => (HeaderName::from_static("x-goog-api-key"), ""),
            Self::OpenAi | Self::OpenAiResponses | Self::Cohere | Self::Ollama => {
                (AUTHORIZATION, "Bearer ")
            }
        }
    }
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
    /// Price of a million prompt tokens that are kept for later, in micro-USD. Absent: as any prompt token.
    pub cache_write_price_micro_usd: Option<i64>,
    /// Price of a million generated tokens in micro-USD.
    pub completion_price_micro_usd: Option<i64>,
    /// Price of a million tokens of thoughts in micro-USD. Absent: as any generated token.
    pub reasoning_price_micro_usd: Option<i64>,
    /// Most tokens that the model may think with, beside those of the reply; 0 for none. Absent: as the model likes. For the
    /// kinds `anthropic`, `gemini`, `cohere` and `ollama`.
    pub thinking_tokens: Option<u32>,
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

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            kind: Kind::default(),
            base_url: String::new(),
            api_key: ApiKey::default(),
            keys: Vec::new(),
            form: Form::Chat,
            discover: None,
            models: Vec::new(),
            safety_threshold: String::new(),
            connect_timeout_ms: 5_000,
            first_token_timeout_ms: 120_000,
            idle_timeout_ms: 60_000,
            retry_pause_ms: 500,
        }
    }
}

impl ServerConfig {
    /// Where the server answers, with the version. An address without any path gets the one of the dialect, unless it is that of an
    /// OpenAI-compatible server: these have several.
    pub fn url(&self) -> String {
        let home = self.kind.home();
        if self.base_url.is_empty() {
            return home.to_owned();
        }
        let is_bare = Url::parse(&self.base_url).is_ok_and(|url| url.path() == "/");
        match self.kind {
            Kind::OpenAi => self.base_url.clone(),
            _ if !is_bare => self.base_url.clone(),
            _ => {
                let version = home.rsplit('/').next().unwrap_or_default();
                format!("{}/{version}", self.base_url.trim_end_matches('/'))
            }
        }
    }

    /// The headers of requests with a key.
    ///
    /// # Errors
    /// The key has characters that a header can't have.
    pub fn headers(&self, key: &ApiKey) -> Result<HeaderMap, InvalidHeaderValue> {
        let mut headers = HeaderMap::new();
        if self.kind == Kind::Anthropic {
            let version = HeaderValue::from_static(ANTHROPIC_VERSION);
            headers.insert(HeaderName::from_static("anthropic-version"), version);
        }
        let (name, scheme) = self.kind.authorization();
        if let Some(value) = key.header(scheme) {
            headers.insert(name, value?);
        }
        Ok(headers)
    }

    /// All keys; a server that asks for none has an empty one.
    pub fn all_keys(&self) -> Vec<KeyConfig> {
        let first = Some(KeyConfig::from(self.api_key.clone()));
        let first = first.filter(|first| !first.key.is_empty() || self.keys.is_empty());
        first.into_iter().chain(self.keys.iter().cloned()).collect()
    }

    /// Whether the server is asked which models it has.
    pub(crate) fn discovers(&self) -> bool {
        self.discover.unwrap_or(self.models.is_empty())
    }

    /// Whether the server is OpenAI itself.
    pub(crate) fn is_openai(&self) -> bool {
        Url::parse(&self.url()).is_ok_and(|url| url.host_str() == Some(OPENAI_HOST))
    }

    /// Whether its list has much beside language models, or no order, so that its first entry is no default.
    pub(super) fn has_a_wide_list(&self) -> bool {
        self.is_openai() || !matches!(self.kind, Kind::OpenAi | Kind::Ollama)
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

    pub(super) fn may_have(&self, name: &str) -> bool {
        self.discovers() || self.models.iter().any(|model| model.id == name)
    }
}
