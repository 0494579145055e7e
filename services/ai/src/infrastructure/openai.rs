//! Any server that speaks OpenAI's completions, chat or text, and embeddings: llama.cpp, Ollama, vLLM, LM Studio, OpenRouter, OpenAI.

mod attempt;
mod echo;
mod embeddings;
mod endpoint;
mod failure;
mod generation;
mod listing;
mod reply;
mod retry;
mod sse;
mod stop;
mod text;
mod watch;
mod wire;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use platform::Tasks;
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

pub(crate) use embeddings::OpenAiEmbedder;
pub(crate) use endpoint::EndpointError;

use crate::config::{OPENAI, OpenAiConfig};
use crate::domain::provider::TokenCounts;
use crate::domain::{EventStream, Model, Provider, ProviderError, Request, estimate};
use endpoint::Endpoint;
use listing::Listing;

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
}

impl OpenAi {
    /// The server of a configuration; asks it from time to time, until shutdown, which models it has. Connects to
    /// nothing before it returns.
    pub(crate) fn start(config: &OpenAiConfig, tasks: &Tasks) -> Result<Self, EndpointError> {
        let server = Arc::new(Server {
            config: config.clone(),
            endpoint: Endpoint::new(config)?,
        });
        let listing = watch::start(Arc::clone(&server), tasks);
        Ok(Self { server, listing })
    }

    fn listing(&self) -> Arc<Listing> {
        Arc::clone(&self.listing.borrow())
    }
}

impl Provider for OpenAi {
    fn name(&self) -> &'static str {
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
        self.listing().models().cloned().collect()
    }

    fn first(&self) -> Option<Model> {
        self.listing().models().next().cloned()
    }

    fn problem(&self) -> Option<String> {
        self.listing().problem().map(str::to_owned)
    }

    fn find(&self, name: &str) -> Option<Model> {
        self.listing().find(&self.server.config, name)
    }

    fn generate(&self, request: Request, deadline: Instant) -> EventStream {
        let traits = self.listing().traits(&self.server.config, &request.model);
        generation::run(Arc::clone(&self.server), request, traits, deadline)
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
