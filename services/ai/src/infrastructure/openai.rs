//! Any server that speaks OpenAI's completions, chat or text, and embeddings: llama.cpp, Ollama, vLLM, LM Studio, OpenRouter, OpenAI.

mod call;
mod embeddings;
mod kind;
mod listing;
mod quirk;
mod reader;
mod watch;
mod wire;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use platform::{Clock, Tasks};
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

pub(crate) use embeddings::OpenAiEmbedder;
pub use listing::{Listed, listed};

use super::learned::Learned;
use super::upstream::{self, Access, Endpoint, EndpointError};
use crate::config::{OPENAI, OpenAiConfig};
use crate::domain::provider::TokenCounts;
use crate::domain::{EventStream, Model, Provider, ProviderError, Request, estimate};
use call::Completion;
use listing::Listing;
use quirk::{Quirk, Quirks};

/// The server, and what is known of its models.
#[derive(Debug)]
pub(crate) struct OpenAi {
    server: Arc<Server>,
    listing: Receiver<Arc<Listing>>,
}

/// The server as its requests need it.
#[derive(Debug)]
struct Server {
    config: OpenAiConfig,
    endpoint: Endpoint,
    /// What it refuses.
    quirks: Quirks,
    learned: Learned,
}

impl OpenAi {
    /// The server of a configuration; asks it from time to time, until shutdown, which models it has. Connects to
    /// nothing before it returns.
    pub(crate) fn start(
        config: &OpenAiConfig,
        learned: Learned,
        tasks: &Tasks,
    ) -> Result<Self, EndpointError> {
        let server = Arc::new(Server {
            config: config.clone(),
            endpoint: endpoint(config, learned.clock())?,
            quirks: Quirks::default(),
            learned,
        });
        let listing = watch::start(Arc::clone(&server), tasks);
        Ok(Self { server, listing })
    }

    fn listing(&self) -> Arc<Listing> {
        Arc::clone(&self.listing.borrow())
    }
}

impl Server {
    /// Takes up what was learned before this process.
    async fn remember(&self) {
        match self.learned.of_server(&self.config.base_url).await {
            Ok(lessons) => {
                for lesson in lessons {
                    // A name that this version doesn't know is another version's.
                    self.quirks
                        .add(&lesson.model, lesson.refusal.parse::<Quirk>());
                }
            }
            Err(error) => tracing::warn!(%error, "what model servers refuse can't be read"),
        }
    }
}

impl Server {
    /// The model with no larger window than the server named when it refused a prompt.
    fn bounded(&self, mut model: Model) -> Model {
        if let Some(window) = self.quirks.window(&model.name) {
            model.window_tokens = model.window_tokens.min(window);
            model.max_reply_tokens = model.max_reply_tokens.min(window);
        }
        model
    }
}

/// Where the server of a configuration is.
fn endpoint(config: &OpenAiConfig, clock: &Clock) -> Result<Endpoint, EndpointError> {
    let mut headers = HeaderMap::new();
    if let Some(authorization) = config.api_key.header() {
        headers.insert(AUTHORIZATION, authorization?);
    }
    Endpoint::new(Access {
        base_url: &config.base_url,
        connect_timeout: config.connect_timeout(),
        key: &config.api_key,
        headers,
        setting: "ai.openai.base_url",
        clock: clock.clone(),
    })
}

impl Provider for OpenAi {
    fn name(&self) -> &str {
        OPENAI
    }

    fn host(&self) -> Option<&str> {
        self.server.endpoint.host()
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        let mut listing = self.listing.clone();
        async move {
            // An error says that the watch has ended, with the process.
            let _ = listing.wait_for(|listing| listing.is_settled()).await;
        }
        .boxed()
    }

    fn models(&self) -> Vec<Model> {
        let listing = self.listing();
        listing
            .models()
            .map(|model| self.server.bounded(model.clone()))
            .collect()
    }

    fn first(&self) -> Option<Model> {
        let first = self.listing().models().next().cloned();
        first.map(|model| self.server.bounded(model))
    }

    fn problem(&self) -> Option<String> {
        let listing = self.listing();
        listing.problem().or(listing.advice()).map(str::to_owned)
    }

    fn find(&self, name: &str) -> Option<Model> {
        let found = self.listing().find(&self.server.config, name);
        found.map(|model| self.server.bounded(model))
    }

    fn generate(&self, request: Request, deadline: Instant) -> EventStream {
        let completion = Completion::new(Arc::clone(&self.server), self.listing(), request);
        upstream::run(completion, deadline)
    }

    fn count_tokens(
        &self,
        _model: &str,
        texts: Vec<String>,
    ) -> BoxFuture<'_, Result<TokenCounts, ProviderError>> {
        let counts = texts.iter().map(|text| estimate::of_text(text)).collect();
        let estimated = true;
        std::future::ready(Ok(TokenCounts { counts, estimated })).boxed()
    }
}
