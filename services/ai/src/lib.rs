//! Troupe's ai service: models, providers, inference, embeddings, cost.
//!
//! Two providers stand behind one port: the engine in the process, and any OpenAI-compatible server. What a generation
//! took goes to the ledger once for each generation id, however it ends.

mod application;
pub mod config;
mod domain;
mod error;
mod infrastructure;
mod presentation;

use std::sync::Arc;

use service::Host;
use storage::Database;
use storage::database::{Inspection, OpenError};
use tonic::service::Routes;
use troupe_proto::ai::embedding_service_server::EmbeddingServiceServer;
use troupe_proto::ai::inference_service_server::InferenceServiceServer;
use troupe_proto::ai::model_service_server::ModelServiceServer;
use troupe_proto::ai::usage_service_server::UsageServiceServer;

pub use config::Config;

use application::catalog::Catalog;
use application::generate::Inference;
use application::meter::Books;
use config::Embedding;
use domain::{Embedder, Provider};
use infrastructure::ledger::Ledger;
use infrastructure::local_embedder::LocalEmbedder;
use infrastructure::local_provider::LocalEngine;
use infrastructure::migrations::Migrator;
use infrastructure::openai::{EndpointError, OpenAi, OpenAiEmbedder};
use presentation::{EmbeddingHandler, InferenceHandler, ModelHandler, UsageHandler};

/// The service's name: its database, keys and folders carry it.
const SERVICE: &str = mesh::Role::Ai.name();
/// The contract takes requests of 16 MiB; what gRPC puts around them comes on top.
const MAX_MESSAGE_BYTES: usize = 17 << 20;

/// Why the service can't be started.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] platform::config::Error),
    /// The ledger can't be opened.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The key of page tokens can't be read or written.
    #[error("the ai service's keys can't be read or written: {0}")]
    Keys(#[from] storage::secret::SecretError),
    /// The model server can't be called as it is configured.
    #[error("ai.openai: {0}")]
    Endpoint(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The names of the migrations that this version knows, oldest first.
pub fn migrations() -> Vec<String> {
    storage::database::migration_names::<Migrator>()
}

/// Brings the service's tables up to date, and does nothing else.
///
/// # Errors
/// The ledger can't be opened.
pub async fn migrate(host: &Host) -> Result<Inspection, OpenError> {
    Database::migrate::<Migrator>(&host.storage(), SERVICE).await
}

/// Opens the service's ledger, starts its providers in the background, and returns its methods. Waits for no model.
pub async fn build(config: &Config, host: &Host) -> Result<Routes, BuildError> {
    config.validate()?;
    let database = Database::open::<Migrator>(&host.storage(), SERVICE).await?;
    let page_tokens = host.storage().page_tokens(SERVICE, &database).await?;
    let ledger = Ledger::new(database);
    let catalog = catalog(config, host).map_err(|error| BuildError::Endpoint(error.into()))?;
    let embedder = embedder(config, host).map_err(|error| BuildError::Endpoint(error.into()))?;
    let inference = Inference {
        catalog: catalog.clone(),
        books: Books {
            ledger: ledger.clone(),
            clock: host.clock.clone(),
            tasks: host.tasks.clone(),
        },
    };
    let usage = UsageHandler {
        ledger,
        page_tokens,
    };
    let inference = InferenceServiceServer::new(InferenceHandler { inference })
        .max_decoding_message_size(MAX_MESSAGE_BYTES);
    Ok(Routes::new(inference)
        .add_service(ModelServiceServer::new(ModelHandler { catalog }))
        .add_service(EmbeddingServiceServer::new(EmbeddingHandler { embedder }))
        .add_service(UsageServiceServer::new(usage)))
}

/// The configured providers, the one with the default model first.
fn catalog(config: &Config, host: &Host) -> Result<Catalog, EndpointError> {
    let mut providers: Vec<Arc<dyn Provider>> = Vec::new();
    if config.openai.is_configured() {
        providers.push(Arc::new(OpenAi::start(&config.openai, &host.tasks)?));
    }
    if config.local_enabled() {
        providers.push(Arc::new(LocalEngine::start(&config.local, host)));
    }
    let default_model = Some(config.default_model.clone()).filter(|id| !id.is_empty());
    Ok(Catalog::new(providers, default_model))
}

/// The configured embedding model.
fn embedder(config: &Config, host: &Host) -> Result<Arc<dyn Embedder>, EndpointError> {
    let embeddings = &config.embeddings;
    Ok(match embeddings.parsed_model() {
        Some(Embedding::OpenAi(name)) => {
            Arc::new(OpenAiEmbedder::new(&config.openai, embeddings, name)?)
        }
        _ => {
            let python = config.local.python.clone();
            Arc::new(LocalEmbedder::new(embeddings, python, host))
        }
    })
}
