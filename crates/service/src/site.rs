//! What a service is built on.

use events::Outbox;
use mesh::Role;
use storage::Database;

use crate::{BuildError, Host, Pages, Service};

/// A service's own part of the process: its database, with its tables up to date, and what goes with it.
#[derive(Debug, Clone)]
pub struct Site {
    /// The process.
    pub host: Host,
    /// The service's database.
    pub db: Database,
    /// The pages of its lists.
    pub pages: Pages,
    role: Role,
}

impl Site {
    /// Opens the database of a service, and brings its tables up to date.
    ///
    /// # Errors
    /// The database can't be opened, or the key of page tokens.
    pub async fn open<S: Service>(host: &Host) -> Result<Self, BuildError> {
        let (role, storage) = (S::ROLE, host.storage());
        let db = Database::open::<S::Migrator>(&storage, role.name()).await?;
        let tokens = storage.page_tokens(role.name(), &db).await;
        Ok(Self {
            host: host.clone(),
            pages: Pages::new(tokens.map_err(BuildError::PageKey)?),
            db,
            role,
        })
    }

    /// Registers the service's outbox, whose tables are [`events::migrations`]. To be called once: clone it for all who tell.
    ///
    /// # Errors
    /// It is registered already, or events are carried.
    pub fn outbox(&self) -> Result<Outbox, BuildError> {
        let Host { events, clock, .. } = &self.host;
        Ok(events.register(self.role.name(), &self.db, clock)?)
    }
}
