//! Troupe's ai service: models, providers, inference, embeddings, cost.
//!
//! Providers stand behind one port: the engine in the process, and servers of every dialect. Answers are read as servers write
//! them, and only a whole reply is one. What a generation took goes to the ledger once for each generation id, however it
//! ends.

mod application;
pub mod config;
mod domain;
mod error;
mod infrastructure;
mod presentation;

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh::Role;
use service::{BuildError, Host, Neighbours, Service, Site};
use tonic::service::Routes;
use troupe_proto::ai::embedding_service_server::EmbeddingServiceServer;
use troupe_proto::ai::inference_service_server::InferenceServiceServer;
use troupe_proto::ai::model_service_server::ModelServiceServer;
use troupe_proto::ai::usage_service_server::UsageServiceServer;

pub use config::Config;
pub use infrastructure::conditions::{Trouble, troubles};
pub use infrastructure::learned::{Lesson, lessons};
pub use infrastructure::server::{Listed, listed, listing_url};

use application::catalog::Catalog;
use application::generate::Inference;
use application::health::Health;
use application::meter::Books;
use application::routing::Routing;
use application::tiers::Tiers;
use config::Embedding;
use domain::{Embedder, Provider};
use infrastructure::conditions;
use infrastructure::history::Chronicle;
use infrastructure::learned::Learned;
use infrastructure::ledger::Ledger;
use infrastructure::local_embedder::LocalEmbedder;
use infrastructure::local_provider::LocalEngine;
use infrastructure::migrations::Migrator;
use infrastructure::server::{Server, ServerEmbedder, ServerModels};
use infrastructure::upstream::EndpointError;
use presentation::{EmbeddingApi, InferenceApi, ModelApi, UsageApi};

/// The contract takes requests of 16 MiB; what gRPC puts around them comes on top.
const MAX_MESSAGE_BYTES: usize = 17 << 20;

/// The service. Its providers start in the background: building waits for no model.
#[derive(Debug)]
pub struct Ai;

impl Service for Ai {
    const ROLE: Role = Role::Ai;
    type Config = Config;
    type Migrator = Migrator;
    type History = Chronicle;

    async fn build(config: &Config, site: Site, _: &dyn Neighbours) -> Result<Routes, BuildError> {
        let outbox = site.outbox()?;
        let Site {
            host, db, pages, ..
        } = site;
        let learned = Learned::new(db.clone(), host.clock.clone(), host.tasks.clone());
        let changes = conditions::start(db.clone(), outbox.clone(), &host.tasks);
        let ledger = Ledger::new(db, outbox);
        let servers = servers(config, &learned).map_err(BuildError::of("ai.servers"))?;
        let catalog = catalog(config, &servers, &host);
        let embedder = embedder(config, &servers, &host);
        let breakers = &config.breakers;
        let health = Health::new(
            breakers.limits(),
            breakers.slow_first_token(),
            host.clock.clone(),
            changes,
        );
        let routing = Routing::new(
            catalog,
            health,
            Tiers::new(&config.default_tier),
            config.all_routes(),
            &config.default_model,
        );
        let books = Books {
            ledger: ledger.clone(),
            clock: host.clock,
            tasks: host.tasks,
        };
        let embedding = application::embed::Embedding {
            embedder,
            books: books.clone(),
            price: config.embeddings.price_micro_usd,
        };
        let inference = Inference {
            routing: routing.clone(),
            books,
        };
        let inference = InferenceServiceServer::new(InferenceApi { inference })
            .max_decoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Routes::new(inference)
            .add_service(ModelServiceServer::new(ModelApi {
                routing,
                pages: pages.clone(),
            }))
            .add_service(EmbeddingServiceServer::new(EmbeddingApi { embedding }))
            .add_service(UsageServiceServer::new(UsageApi { ledger, pages })))
    }
}

/// Servers by their names.
type Servers<'a> = BTreeMap<&'a str, Arc<Server>>;

/// The configured servers. Whatever asks one shares its keys, and so their limits.
fn servers<'a>(config: &'a Config, learned: &Learned) -> Result<Servers<'a>, EndpointError> {
    let mut servers = Servers::new();
    for (name, server) in config.servers() {
        let setting = config.setting_of(name);
        let server = Server::new(name, setting, server, learned.clone())?;
        servers.insert(name, Arc::new(server));
    }
    Ok(servers)
}

/// The configured providers, the one with the default model first.
fn catalog(config: &Config, servers: &Servers<'_>, host: &Host) -> Catalog {
    let mut providers: Vec<Arc<dyn Provider>> = Vec::new();
    let in_order = config.servers().filter_map(|(name, _)| servers.get(name));
    for server in in_order {
        let models = ServerModels::start(Arc::clone(server), &host.tasks);
        providers.push(Arc::new(models));
    }
    if config.local_enabled() {
        providers.push(Arc::new(LocalEngine::start(&config.local, host)));
    }
    let default_model = Some(&config.default_model).filter(|id| id.contains('/'));
    Catalog::new(providers, default_model.cloned())
}

/// The configured embedding model.
fn embedder(config: &Config, servers: &Servers<'_>, host: &Host) -> Arc<dyn Embedder> {
    let embeddings = &config.embeddings;
    let of_server = match embeddings.parsed_model() {
        Some(Embedding::Server { server, model }) => servers.get(server).zip(Some(model)),
        Some(Embedding::Local) | None => None,
    };
    match of_server {
        Some((server, model)) => {
            Arc::new(ServerEmbedder::new(Arc::clone(server), embeddings, model))
        }
        None => {
            let python = config.local.python.clone();
            Arc::new(LocalEmbedder::new(embeddings, python, host))
        }
    }
}
