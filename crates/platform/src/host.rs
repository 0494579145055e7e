//! What a process gives to the services that it runs.

use std::path::{Path, PathBuf};

use crate::database::sqlite::InUse;
use crate::page::PageTokens;
use crate::secret::{Secret, SecretError};
use crate::{Backends, Clock, Database, Events, Health, Redis, Stores, Tasks};

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
    /// The connections to Redis; `None` where budgets, caches and presence are kept in memory.
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

    /// The SQLite file of a service.
    pub fn database_file(&self, service: &str) -> PathBuf {
        self.data_dir.join(format!("{service}.sqlite"))
    }

    /// A folder for a service's files, such as `roleplay/avatars`.
    pub fn folder(&self, path: impl AsRef<Path>) -> PathBuf {
        self.data_dir.join("files").join(path)
    }

    /// The page tokens of a service, under a key made at its first start. It is kept in a file, or in the store where
    /// several processes share that, so that each takes the tokens of the others. The store then has the tables of
    /// [`secret::migrations`](crate::secret::migrations()).
    ///
    /// # Errors
    /// The key can't be read or made.
    pub async fn page_tokens(
        &self,
        service: &str,
        db: &Database,
    ) -> Result<PageTokens, SecretError> {
        let folder = self.data_dir.join("keys");
        let file = folder.join(format!("{service}-page.key"));
        if !db.is_shared() {
            if !db.is_new() && !file.exists() {
                tracing::warn!(
                    folder = %folder.display(),
                    service,
                    "the folder of keys has lost one, though the database isn't new: another is made, and lists that people \
                     are paging through begin anew; nobody is logged out. If the folder was in a backup, restore it"
                );
            }
            return Ok(PageTokens::new(Secret::load_or_create(&file)?));
        }
        // The folder of a release before has a key, under which tokens are out.
        let ours = Secret::find(&file)?.unwrap_or_else(Secret::generate);
        Ok(PageTokens::new(ours.share(db, "page tokens").await?))
    }
}
