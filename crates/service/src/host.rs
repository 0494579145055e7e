//! What a process gives to the services that it runs.

use std::path::PathBuf;

use events::{Events, StartError};
use platform::{Clock, Health, Tasks};
use redis::Redis;
use storage::database::sqlite::InUse;
use storage::{Storage, Stores};

use crate::Backends;

/// Where a service keeps its data, what time it is, and who waits for its tasks.
#[derive(Debug, Clone)]
pub struct Host {
    /// The folder of everything that is kept.
    pub data_dir: PathBuf,
    /// The time.
    pub clock: Clock,
    /// Tasks that shutdown waits for.
    pub tasks: Tasks,
    /// The servers that take the place of embedded parts.
    pub backends: Backends,
    /// The connections to Redis; `None` where budgets are kept in memory.
    pub redis: Option<Redis>,
    /// The events that services tell, and who wants to know.
    pub events: Events,
    /// Whether what the process can't do without answers.
    pub health: Health,
    /// The files that are open, to be closed at the end.
    pub stores: Stores,
    /// Marks the files that are made later than at the start; `None` where another process may have the data folder.
    pub in_use: Option<InUse>,
}

impl Host {
    /// A host of embedded parts, by the system's clock.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            clock: Clock::system(),
            tasks: Tasks::new(),
            backends: Backends::default(),
            redis: None,
            events: Events::default(),
            health: Health::default(),
            stores: Stores::default(),
            in_use: None,
        }
    }

    /// Begins to carry events between all that are registered.
    ///
    /// # Errors
    /// As those of [`Events::start`].
    pub async fn start_events(&self) -> Result<(), StartError> {
        let nats = &self.backends.nats;
        self.events.start(nats, &self.clock, &self.tasks).await
    }

    /// Where its services keep their data.
    pub fn storage(&self) -> Storage {
        Storage {
            data_dir: self.data_dir.clone(),
            database: self.backends.database.clone(),
            s3: self.backends.s3.clone(),
            tasks: self.tasks.clone(),
            health: self.health.clone(),
            stores: self.stores.clone(),
            in_use: self.in_use.clone(),
        }
    }
}
