//! Troupe's roleplay service: characters, sessions, messages, generations, prompts.

mod application;
mod config;
pub mod domain;
mod infrastructure;
mod memory_index;
mod migrations;
mod presentation;

use std::time::Duration;

use mesh::Role;
use service::{BuildError, Neighbours, Service, Site};
use tonic::service::Routes;

use crate::application::{
    Bookmarks, Characters, Chats, Chronicle, GenerationLimits, KeptLimits, Lorebooks, Memories,
    Personas, Scenarios, SharedAccess,
};

pub use crate::application::{MemoryConfig, MemoryCounts};
pub use crate::config::{Config, SharingConfig};
use crate::infrastructure::asset_files::AssetFiles;
use crate::infrastructure::avatars::Avatars;
use crate::infrastructure::models::Models;
use crate::infrastructure::profiles::Profiles;
pub use crate::memory_index::{MemoryIndex, MemoryIndexError};
use crate::migrations::Migrator;
use crate::presentation::UseCases;

/// The service. `ai` runs its models, `users` knows what people are called.
#[derive(Debug)]
pub struct Roleplay;

impl Service for Roleplay {
    const ROLE: Role = Role::Roleplay;
    type Config = Config;
    type Migrator = Migrator;
    type History = Chronicle;

    async fn build(
        config: &Config,
        site: Site,
        neighbours: &dyn Neighbours,
    ) -> Result<Routes, BuildError> {
        let (ai, users) = (
            neighbours.channel(Role::Ai)?,
            neighbours.channel(Role::Users)?,
        );
        let outbox = site.outbox()?;
        let Site {
            host, db, pages, ..
        } = site;
        let (avatars, asset_files) = (Avatars::open(&host)?, AssetFiles::open(&host)?);
        let signer = host.storage().signer(Self::ROLE.name(), &db).await;
        let signer = signer.map_err(BuildError::of("the key of addresses can't be used"))?;
        let access = SharedAccess::new(signer.clone(), config.sharing.listing);
        vectors::look(&host.backends.qdrant, &host.tasks);
        let limits = GenerationLimits {
            whole: Duration::from_secs(config.generation_limit_secs),
            after_stop: Duration::from_secs(config.generation_grace_secs),
            per_person: config.generations_per_person,
            waiting: config.waiting_per_session,
        };
        let memories = Memories::new(&db, outbox.clone(), &host, ai.clone(), &config.memory);
        let chats = Chats::new(
            db.clone(),
            outbox.clone(),
            &host,
            Models::new(ai),
            Profiles::new(users),
            memories.clone(),
            limits,
            access.clone(),
        );
        if config.memory.enabled {
            let consumer = presentation::consumer(&memories, &db);
            host.events.consume(consumer)?;
        }
        let people = presentation::account_consumer(&chats, &db);
        host.events.consume(people)?;
        // What processes left running that are gone.
        let recovered = chats.take_hold().await;
        recovered.map_err(BuildError::of("interrupted generations can't be ended"))?;
        let clock = host.clock.clone();
        let scenarios = Scenarios {
            db: db.clone(),
            outbox: outbox.clone(),
            clock: clock.clone(),
            access: access.clone(),
            tasks: host.tasks.clone(),
            limits: KeptLimits {
                scenarios: config.scenarios_per_person,
                share_links: config.share_links_per_person,
            },
        };
        let files = (avatars, asset_files);
        let characters = Characters::new(db.clone(), outbox, &host, files, signer, access);
        let personas = Personas {
            db: db.clone(),
            clock: clock.clone(),
        };
        let bookmarks = Bookmarks {
            db: db.clone(),
            clock: clock.clone(),
        };
        let tasks = host.tasks.clone();
        let lorebooks = Lorebooks { db, clock, tasks };
        let cases = UseCases {
            characters,
            lorebooks,
            scenarios,
            personas,
            bookmarks,
            chats,
            memories,
        };
        Ok(presentation::routes(cases, pages))
    }
}
