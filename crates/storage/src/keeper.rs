//! Where a process keeps the data of its services.

use std::io;
use std::path::{Path, PathBuf};

use platform::{Health, Tasks};

use crate::database::sqlite::InUse;
use crate::made;
use crate::page::PageTokens;
use crate::secret::{Secret, SecretError};
use crate::signature::Signer;
use crate::{Database, DatabaseConfig, S3Config, Stores};

/// The data folder of a process, the servers that take its place, and what a store that is open needs of the process. Cheap to
/// clone.
#[derive(Debug, Clone)]
pub struct Storage {
    /// The folder of everything that is kept here.
    pub data_dir: PathBuf,
    /// The relational store.
    pub database: DatabaseConfig,
    /// The files.
    pub s3: S3Config,
    /// Tasks that shutdown waits for.
    pub tasks: Tasks,
    /// Where a store says that it can't be used.
    pub health: Health,
    /// The files that are open, to be closed at the end.
    pub stores: Stores,
    /// Marks the files that are made later than at the start; `None` where another process may have the data folder.
    pub in_use: Option<InUse>,
}

impl Storage {
    /// A data folder alone.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            database: DatabaseConfig::default(),
            s3: S3Config::default(),
            tasks: Tasks::new(),
            health: Health::default(),
            stores: Stores::default(),
            in_use: None,
        }
    }

    /// The SQLite file of a service.
    pub fn database_file(&self, service: &str) -> PathBuf {
        self.data_dir.join(format!("{service}.sqlite"))
    }

    /// The file of a service's key of page tokens, which is made after its SQLite file.
    pub fn page_key_file(&self, service: &str) -> PathBuf {
        self.data_dir
            .join("keys")
            .join(format!("{service}-page.key"))
    }

    /// Notes that something in the data folder was made, in a process that has the folder to itself: from now on it isn't made anew
    /// silently.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn note(&self, place: &Path) -> io::Result<()> {
        match (&self.in_use, place.strip_prefix(&self.data_dir)) {
            (Some(_), Ok(name)) => made::note(&self.data_dir, name),
            _ => Ok(()),
        }
    }

    /// Notes a folder of files so, and has it say whose it is.
    pub(crate) fn note_files(&self, folder: &Path) -> io::Result<()> {
        if let Some(owner) = self.in_use.as_ref().and_then(InUse::owner) {
            owner.mark(folder)?;
        }
        self.note(folder)
    }

    /// Whether something in the data folder was noted.
    pub(crate) fn has_noted(&self, place: &Path) -> bool {
        let name = place.strip_prefix(&self.data_dir);
        name.is_ok_and(|name| made::is_noted(&self.data_dir, name))
    }

    /// A secret in a file, made where there is none, and noted.
    fn keep_secret(&self, file: &Path) -> io::Result<Secret> {
        let secret = Secret::load_or_create(file)?;
        self.note(file)?;
        Ok(secret)
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
        let file = self.page_key_file(service);
        if !db.is_shared() {
            return Ok(PageTokens::new(self.keep_secret(&file)?));
        }
        // The folder of a release before has a key, under which tokens are out.
        let ours = Secret::find(&file)?.unwrap_or_else(Secret::generate);
        Ok(PageTokens::new(ours.share(db, "page tokens").await?))
    }

    /// What signs the addresses that a service gives out, under a key that is kept as that of page tokens is. Where the key is
    /// lost, the addresses that are out end.
    ///
    /// # Errors
    /// The key can't be read or made.
    pub async fn signer(&self, service: &str, db: &Database) -> Result<Signer, SecretError> {
        let key = match db.is_shared() {
            true => Secret::generate().share(db, "addresses").await?,
            false => {
                let name = format!("{service}-address.key");
                self.keep_secret(&self.data_dir.join("keys").join(name))?
            }
        };
        Ok(Signer::new(key))
    }
}
