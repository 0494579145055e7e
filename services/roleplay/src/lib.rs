//! Troupe's roleplay service: characters, sessions, messages, generations, prompts.

mod application;
pub mod domain;
mod infrastructure;
mod memory_index;
mod migrations;
mod presentation;

use std::time::Duration;

use serde::Deserialize;
use service::Host;
use storage::Database;
use storage::database::{Inspection, OpenError};
use tonic::service::Routes;

use crate::application::{Characters, Chats, GenerationLimits, Memories, Personas};

pub use crate::application::{MemoryConfig, MemoryCounts};
use crate::infrastructure::avatars::Avatars;
use crate::infrastructure::models::Models;
use crate::infrastructure::profiles::Profiles;
pub use crate::memory_index::{MemoryIndex, MemoryIndexError};
use crate::migrations::Migrator;

/// The service's name: of its database, its page key and its folder.
const SERVICE: &str = mesh::Role::Roleplay.name();

/// How the service runs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Seconds that a generation may take.
    pub generation_limit_secs: u64,
    /// Seconds that running generations go on after shutdown began. What runs then is ended with its text kept.
    pub generation_grace_secs: u64,
    /// How many generations of a person may run at a time; at least 1.
    pub generations_per_person: u32,
    /// What sessions remember.
    pub memory: MemoryConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            generation_limit_secs: 600,
            generation_grace_secs: 20,
            generations_per_person: 4,
            memory: MemoryConfig::default(),
        }
    }
}

impl Config {
    /// Checks what types can't say.
    ///
    /// # Errors
    /// Names the key whose value can't be used.
    pub fn validate(&self) -> Result<(), platform::config::Error> {
        if self.generations_per_person > 0 {
            return Ok(());
        }
        let problem = "must be at least 1, or nobody gets a reply".to_owned();
        let key = "roleplay.generations_per_person";
        Err(platform::config::Error::Invalid { key, problem })
    }
}

/// A service that can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The database can't be opened.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The store of pictures can't be opened.
    #[error("the store of avatars can't be opened: {0}")]
    Avatars(#[from] storage::files::Error),
    /// The key of page tokens can't be read or made.
    #[error("the key of page tokens can't be opened: {0}")]
    PageKey(#[from] storage::secret::SecretError),
    /// Events can't be told or heard.
    #[error(transparent)]
    Events(#[from] events::RegisterError),
    /// What processes left running that are gone can't be ended.
    #[error("interrupted generations can't be ended: {0}")]
    Recovery(Box<dyn std::error::Error + Send + Sync>),
}

/// The names of the migrations that this version knows, oldest first.
pub fn migrations() -> Vec<String> {
    storage::database::migration_names::<Migrator>()
}

/// Brings the service's tables up to date, and does nothing else.
///
/// # Errors
/// The database can't be opened.
pub async fn migrate(host: &Host) -> Result<Inspection, OpenError> {
    Database::migrate::<Migrator>(&host.storage(), SERVICE).await
}

/// Opens the service's data and ends what processes left running that are gone. `ai` runs its models, `users` knows what
/// people are called. Generations are tasks of the host.
///
/// # Errors
/// The data can't be opened.
pub async fn build(
    config: &Config,
    host: &Host,
    ai: mesh::Channel,
    users: mesh::Channel,
) -> Result<Routes, BuildError> {
    let db = Database::open::<Migrator>(&host.storage(), SERVICE).await?;
    let avatars = Avatars::open(host)?;
    vectors::look(&host.backends.qdrant, &host.tasks);
    let tokens = host.storage().page_tokens(SERVICE, &db).await?;
    let limits = GenerationLimits {
        whole: Duration::from_secs(config.generation_limit_secs),
        after_stop: Duration::from_secs(config.generation_grace_secs),
        per_person: config.generations_per_person,
    };
    let outbox = host.events.register(SERVICE, &db, &host.clock)?;
    let memories = Memories::new(&db, outbox.clone(), host, ai.clone(), &config.memory);
    let chats = Chats::new(
        db.clone(),
        outbox,
        host.clone(),
        (Models::new(ai), Profiles::new(users)),
        memories.clone(),
        limits,
    );
    if config.memory.enabled {
        host.events
            .consume(presentation::consumer(&memories, &db))?;
    }
    let recovered = chats.take_hold().await;
    recovered.map_err(|error| BuildError::Recovery(Box::new(error)))?;
    let characters = Characters::new(db.clone(), host.clone(), avatars);
    let personas = Personas {
        db,
        clock: host.clock.clone(),
    };
    Ok(presentation::routes(
        characters,
        personas,
        (chats, memories),
        tokens,
    ))
}
