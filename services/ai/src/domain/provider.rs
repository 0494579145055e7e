//! The port to language models: the engine in the process, and servers of every dialect, stand behind it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{FinishReason, Model, ProviderError, TokenUsage};

/// A source of language models.
pub(crate) trait Provider: fmt::Debug + Send + Sync {
    /// The provider's name, the part of its models' ids before the first slash.
    fn name(&self) -> &str;

    /// The host that runs them; absent where they run in the process.
    fn host(&self) -> Option<&str> {
        None
    }

    /// Completes once it is known which models there are, or that the provider can't be asked.
    fn settled(&self) -> BoxFuture<'_, ()>;

    /// The models, the preferred one first, as they are known now. Never waits.
    fn models(&self) -> Vec<Model>;

    /// The models if they are at most so many: of more nobody has chosen any.
    fn few(&self, most: usize) -> Vec<Model> {
        Some(self.models())
            .filter(|models| models.len() <= most)
            .unwrap_or_default()
    }

    /// The first of its models. Asked for with every call, so it copies no other.
    fn first(&self) -> Option<Model> {
        self.models().into_iter().next()
    }

    /// Why it isn't known which models there are, for people; absent where it is.
    fn problem(&self) -> Option<String> {
        None
    }

    /// The model of this name, if there may be one. Never waits.
    fn find(&self, name: &str) -> Option<Model> {
        self.models().into_iter().find(|model| model.name == name)
    }

    /// Generates text until `deadline`. What can be retried is retried before the first delta, and never after it. The
    /// stream ends with [`Event::Finished`] or an error; dropping it cancels the generation. Only a whole reply finishes: one
    /// that was cut, failed, or has no text ends with an error, behind the text that came.
    fn generate(&self, request: Request, deadline: Instant) -> EventStream;

    /// Counts the tokens of each text.
    fn count_tokens(
        &self,
        model: &str,
        texts: Vec<String>,
    ) -> BoxFuture<'_, Result<TokenCounts, ProviderError>>;
}

/// What happens to a generation.
pub(crate) type EventStream = Pin<Box<dyn Stream<Item = Result<Event, ProviderError>> + Send>>;

/// What to generate. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// The provider's own name for the model.
    pub(crate) model: String,
    pub(crate) prompt: Arc<Prompt>,
    /// Bytes of the prompt's texts, from its beginning, that the next prompts are likely to begin with too.
    pub(crate) stable_bytes: usize,
    /// The model's window as it is used: prompt and reply together, in tokens.
    pub(crate) window_tokens: u32,
    pub(crate) sampling: Sampling,
    /// Most tokens to generate, at least 1.
    pub(crate) max_tokens: u32,
    /// Texts before which the reply ends.
    pub(crate) stop: Vec<String>,
    /// Whether what fails before the first delta is tried again at the same model: not where another stands by.
    pub(crate) may_retry: bool,
}

/// The prompt, in the form that the model takes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// Messages with roles.
    Chat(Vec<Message>),
    /// One text to complete.
    Text(String),
}

/// Without the text, which no log may hold.
impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chat(messages) => write!(f, "Chat({} messages)", messages.len()),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
        }
    }
}

/// A message of a prompt.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) role: Role,
    pub(crate) content: String,
    /// Name of the speaker; empty for none.
    pub(crate) name: String,
}

/// Who says a message. The model continues a last message of the assistant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    System,
    User,
    Assistant,
}

/// How to sample. What is absent is the model's default.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sampling {
    pub(crate) temperature: Option<f32>,
    pub(crate) top_p: Option<f32>,
    pub(crate) top_k: Option<i32>,
    pub(crate) min_p: Option<f32>,
    pub(crate) repetition_penalty: Option<f32>,
    pub(crate) seed: Option<i64>,
}

/// Something that happened to a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The provider took the request on, and may charge for it from here on. Comes again after a retry.
    Started,
    /// What the provider took of the prompt, known before the reply's end: its completion is that until now.
    Read(TokenUsage),
    /// More of the reply; whole characters, never empty.
    Delta(String),
    /// The reply is complete.
    Finished {
        reason: FinishReason,
        /// Absent if the provider gave no figures.
        usage: Option<TokenUsage>,
    },
    /// What a generation took that fails next, by the provider's figures.
    Spent(TokenUsage),
}

/// Token counts of texts, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenCounts {
    pub(crate) counts: Vec<u32>,
    /// True if they aren't the model's own.
    pub(crate) estimated: bool,
}
