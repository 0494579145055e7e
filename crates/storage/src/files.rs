//! Files that services keep, such as avatars: in a folder of the data folder, or in a bucket of an S3-compatible store.
//!
//! A file is there whole or not at all, and what a caller waits for has a limit, which is longer for large files.

mod bucket;
mod config;
mod folder;
mod refusal;

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt};
use tokio::sync::OnceCell;

pub use self::config::{S3Config, S3Credentials};
pub use self::refusal::Refusal;
use crate::database::Outage;
use crate::{Storage, owner};
use platform::Tasks;
use platform::reach::Unreached;

/// For the store's first answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// The slowest that a file may travel.
const LEAST_BYTES_PER_SEC: u64 = 1 << 20;

/// Folders whose names end so have what can be made again from other files.
pub const DERIVED: &str = "-sizes";
/// Whose disk is full.
const OWNER: &str = "the file store";

/// The files of one kind, by name. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Files {
    store: Arc<dyn ObjectStore>,
    /// The bucket's name, unless it is a folder.
    bucket: Option<Arc<str>>,
    /// Notes that the folder has files; none for a bucket, and for what can be made again.
    note: Option<Arc<Note>>,
}

/// A note of a folder that has files. A folder that never had one may get lost.
#[derive(Debug)]
struct Note {
    storage: Storage,
    folder: PathBuf,
    is_made: OnceCell<()>,
}

impl Note {
    async fn make(&self) -> Result<(), Error> {
        let made = self.is_made.get_or_try_init(async || {
            let (storage, folder) = (self.storage.clone(), self.folder.clone());
            let noting = self
                .storage
                .tasks
                .spawn_blocking(move || storage.note_files(&folder));
            let noted = noting.await.map_err(io::Error::other).flatten();
            noted.map_err(Error::of_system)
        });
        made.await.map(drop)
    }
}

/// Files that can't be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store doesn't answer in time, or not as it should. Trying again later may help.
    #[error("the file store can't be used now: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The folder's disk takes nothing: it is full, fails or is read-only. Until that ends, what is there can be had.
    #[error("{}: {source}", .outage.told_of_disk(OWNER))]
    Disk {
        /// Why.
        outage: Outage,
        /// What the system says.
        source: object_store::Error,
    },
    /// The store answers, and does nothing for us until somebody mends that.
    #[error("the file store {refusal}")]
    Refused {
        /// Why.
        refusal: Refusal,
        /// What the store says.
        source: object_store::Error,
    },
    /// The store has no such file.
    #[error("the file store finds nothing there: {0}")]
    Missing(#[source] object_store::Error),
    /// The store can't do what is asked. Trying again doesn't help.
    #[error("the file store can't do that: {0}")]
    Unable(#[source] object_store::Error),
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] platform::config::Error),
}

impl Error {
    /// What a caller is told where it may be over later: also once somebody has mended what the store refuses. Files that
    /// may be missing were looked for already, so what is missing otherwise is the store.
    pub fn passing(&self) -> Option<String> {
        match self {
            Self::Unavailable(_) | Self::Refused { .. } | Self::Missing(_) => Some(
                "the file store can't be used right now: try again in a few seconds".to_owned(),
            ),
            Self::Disk { outage, .. } => Some(outage.told_of_disk(OWNER)),
            Self::Unable(_) | Self::Config(_) => None,
        }
    }

    /// Why the store can't be reached, if that is what is wrong.
    pub fn unreached(&self) -> Option<Unreached> {
        match self {
            Self::Unavailable(error) => Unreached::of(&**error),
            _ => None,
        }
    }

    /// What an error of the system means for a folder.
    fn of_system(error: io::Error) -> Self {
        match Outage::of_disk(&error) {
            Some(outage) => Self::Disk {
                outage,
                source: folder::failed(error),
            },
            None => Self::Unavailable(Box::new(error)),
        }
    }

    /// What an error says of a folder, or of a bucket of that name.
    fn of(error: object_store::Error, bucket: Option<&str>) -> Self {
        if let Some(outage) = of_disk(&error) {
            let source = error;
            return Self::Disk { outage, source };
        }
        if let Some(refusal) = bucket.and_then(|bucket| Refusal::of(&error, bucket)) {
            let source = error;
            return Self::Refused { refusal, source };
        }
        match error {
            object_store::Error::Generic { .. } | object_store::Error::JoinError { .. } => {
                Self::Unavailable(Box::new(error))
            }
            object_store::Error::NotFound { .. } => Self::Missing(error),
            error => Self::Unable(error),
        }
    }
}

/// What a folder's disk does, if that is what an error tells of. A bucket's errors of the system are those of the way there.
fn of_disk(error: &object_store::Error) -> Option<Outage> {
    let object_store::Error::Generic { source, .. } = error else {
        return None;
    };
    let io = source.source()?.downcast_ref::<io::Error>()?;
    Outage::of_disk(io)
}

impl Files {
    /// The files of a service's folder, such as `roleplay/avatars`: in the bucket if one is named, else below the data folder,
    /// where the folder is made if need be.
    ///
    /// # Errors
    /// The folder can't be made, or the bucket's configuration can't be used. A store that isn't there is no error.
    pub fn open(storage: &Storage, folder: &str) -> Result<Self, Error> {
        let config = &storage.s3;
        if !config.is_named() {
            return Self::open_folder(storage, folder);
        }
        let prefix: Key = [config.prefix.as_str(), folder].join("/").into();
        let store = Arc::new(PrefixStore::new(bucket::open(config)?, prefix));
        storage
            .tasks
            .spawn(look(config.clone(), storage.tasks.clone()));
        Ok(Self {
            store,
            bucket: Some(config.bucket.trim().into()),
            note: None,
        })
    }

    fn open_folder(storage: &Storage, folder: &str) -> Result<Self, Error> {
        let place = storage.folder(folder);
        let opened = folder::open(&place);
        let store = opened.map_err(|error| Error::of(error, None))?;
        let note = (!folder.ends_with(DERIVED)).then(|| Note {
            storage: storage.clone(),
            folder: place.clone(),
            is_made: OnceCell::new(),
        });
        // It may be from before there were notes, or from before folders said whose they are.
        let is_old = note.is_some()
            && (storage.has_noted(&place)
                || folder::has_files(&place).map_err(Error::of_system)?);
        if is_old {
            storage.note_files(&place).map_err(Error::of_system)?;
        }
        Ok(Self {
            store,
            bucket: None,
            note: note.map(Arc::new),
        })
    }

    async fn within<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<T, object_store::Error>>,
    ) -> Result<T, Error> {
        within(limit, self.bucket.as_deref(), call).await
    }

    /// Stores a file under a name, in the place of one that has it.
    ///
    /// # Errors
    /// The store can't be used, or refuses. Then nothing of the file is stored; after a timeout all of it may be.
    pub async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        if let Some(note) = &self.note {
            note.make().await?;
        }
        let limit = limit(bytes.len() as u64);
        let name = name.into();
        let put = self.store.put(&name, bytes.into());
        self.within(limit, put).await?;
        Ok(())
    }

    /// A file, if there is one of that name.
    ///
    /// # Errors
    /// The store can't be used, or refuses.
    pub async fn find(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let found = match self
            .within(ANSWER_TIMEOUT, self.store.get(&name.into()))
            .await
        {
            Err(Error::Missing(_)) => return Ok(None),
            found => found?,
        };
        let limit = limit(found.meta.size);
        Ok(Some(self.within(limit, found.bytes()).await?.into()))
    }

    /// Whether there is a file of that name.
    ///
    /// # Errors
    /// The store can't be used, or refuses.
    pub async fn has(&self, name: &str) -> Result<bool, Error> {
        match self
            .within(ANSWER_TIMEOUT, self.store.head(&name.into()))
            .await
        {
            Err(Error::Missing(_)) => Ok(false),
            found => found.map(|_| true),
        }
    }

    /// Deletes a file. One that is gone already is no error.
    ///
    /// # Errors
    /// The store can't be used, or refuses.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        match self
            .within(ANSWER_TIMEOUT, self.store.delete(&name.into()))
            .await
        {
            Err(Error::Missing(_)) => Ok(()),
            deleted => deleted,
        }
    }

    /// The names of the files whose names begin with these folders, or of all, in no order.
    ///
    /// # Errors
    /// The store can't be used, or refuses.
    pub async fn list(&self, within_folder: Option<&str>) -> Result<Vec<String>, Error> {
        let prefix = within_folder.map(Key::from);
        let mut files = self.store.list(prefix.as_ref());
        let mut names = Vec::new();
        // Each page of the listing has the time of an answer.
        while let Some(file) = self.within(ANSWER_TIMEOUT, files.try_next()).await? {
            names.push(file.location.into());
        }
        names.retain(|name| name != owner::NAME);
        Ok(names)
    }
}

fn limit(size_bytes: u64) -> Duration {
    ANSWER_TIMEOUT + Duration::from_secs(size_bytes / LEAST_BYTES_PER_SEC)
}

async fn within<T>(
    limit: Duration,
    bucket: Option<&str>,
    call: impl Future<Output = Result<T, object_store::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(|error| Error::of(error, bucket)),
        Err(elapsed) => Err(Error::Unavailable(Box::new(elapsed))),
    }
}

/// Tells early what would else be found with the first picture. The store may still be starting.
async fn look(config: S3Config, tasks: Tasks) {
    let Some(Err(error)) = tasks.token().run_until_cancelled(examine(&config)).await else {
        return;
    };
    let bucket = config.bucket;
    match &error {
        Error::Refused { refusal, source } => {
            tracing::error!(bucket, cause = %source, "{error}: {}", refusal.advice());
        }
        _ => tracing::warn!(%error, bucket, "files can't be stored now"),
    }
}

/// Looks whether the bucket can be listed.
///
/// # Errors
/// Says what is wrong: with the configuration, the way there, or what the store refuses.
pub async fn examine(config: &S3Config) -> Result<(), Error> {
    let (bucket, name) = (bucket::open(config)?, Some(config.bucket.trim()));
    let prefix = Key::from(config.prefix.as_str());
    // A listing that is refused without a code looks like any other failure: only a read tells of keys.
    let probe = prefix.clone().join("probe");
    let read = bucket.get_opts(&probe, GetOptions::default());
    let read = within(ANSWER_TIMEOUT, name, read).await;
    if let Err(error @ Error::Refused { .. }) = read {
        return Err(error);
    }
    let mut files = bucket.list(Some(&prefix));
    let listed = within(ANSWER_TIMEOUT, name, files.try_next()).await;
    listed.map(drop)
}
