//! A server of language models, whichever dialect it speaks: its keys, what it has, what it refuses, and the calls to it.

mod call;
mod embedder;
mod kind;
mod listing;
mod quirk;
mod watch;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use platform::{Clock, Tasks};
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

pub(crate) use embedder::ServerEmbedder;
pub use listing::{Listed, listed, listing_url};

use super::dialect::{self, Dialect};
use super::learned::Learned;
use super::upstream::{self, Access, Endpoint, EndpointError, Key, Keys};
use crate::config::ServerConfig;
use crate::domain::provider::TokenCounts;
use crate::domain::{EventStream, Model, Provider, ProviderError, Request, estimate};
use call::Completion;
pub(crate) use listing::Found;
use listing::Listing;
use quirk::{Quirk, Quirks};

/// A server's language models, and what is known of them.
#[derive(Debug)]
pub(crate) struct ServerModels {
    server: Arc<Server>,
    listing: Receiver<Arc<Listing>>,
}

/// A server as its requests need it.
#[derive(Debug)]
pub(crate) struct Server {
    /// The first part of its models' ids.
    name: Arc<str>,
    /// Where it is configured, such as `ai.servers.claude`.
    setting: String,
    config: ServerConfig,
    url: String,
    dialect: &'static dyn Dialect,
    endpoint: Endpoint,
    /// What it refuses.
    quirks: Quirks,
    learned: Learned,
}

impl ServerModels {
    /// The models of a server; asks it from time to time, until shutdown, which there are. Connects to nothing before it returns.
    pub(crate) fn start(server: Arc<Server>, tasks: &Tasks) -> Self {
        let listing = watch::start(Arc::clone(&server), tasks);
        Self { server, listing }
    }

    fn listing(&self) -> Arc<Listing> {
        Arc::clone(&self.listing.borrow())
    }
}

impl Server {
    /// The server of a name, configured at `setting`. Connects to nothing.
    pub(crate) fn new(
        name: &str,
        setting: String,
        config: &ServerConfig,
        learned: Learned,
    ) -> Result<Self, EndpointError> {
        Ok(Self {
            name: name.into(),
            config: config.clone(),
            url: config.url(),
            dialect: dialect::of(config.kind),
            endpoint: endpoint(config, &setting, learned.clock())?,
            setting,
            quirks: Quirks::default(),
            learned,
        })
    }

    /// Takes up what was learned before this process.
    async fn remember(&self) {
        match self.learned.of_server(&self.url).await {
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

    /// What to do where the server doesn't tell its models.
    fn advice(&self) -> String {
        let Self { name, setting, .. } = self;
        format!(
            "the model server lists no model that can chat: name one in ai.default_model, such as `{name}/NAME`, or list its \
             models under [[{setting}.models]]"
        )
    }

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
fn endpoint(
    config: &ServerConfig,
    setting: &str,
    clock: &Clock,
) -> Result<Endpoint, EndpointError> {
    let mut keys = Vec::new();
    for limits in config.all_keys() {
        let headers = config.headers(&limits.key)?;
        keys.push(Key::new(limits, headers));
    }
    Endpoint::new(Access {
        base_url: &config.url(),
        connect_timeout: config.connect_timeout(),
        keys: Keys::new(keys),
        setting: format!("{setting}.base_url"),
        clock: clock.clone(),
    })
}

impl Provider for ServerModels {
    fn name(&self) -> &str {
        &self.server.name
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
        let problem = listing.problem().map(str::to_owned);
        problem.or_else(|| listing.lists_none().then(|| self.server.advice()))
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
