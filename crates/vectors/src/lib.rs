//! Vectors under ids, searched by nearness within a partition: a file of the process, or Qdrant.
//!
//! A derived index: whatever is in it can be computed again from what it was computed from. So it never keeps the platform
//! from starting, and a store that lost its points is an empty one, not an error.

mod config;
mod embedded;
mod files;
mod qdrant;

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use self::embedded::Embedded;

pub use self::config::QdrantConfig;
pub use self::files::{SUFFIX, broken_files, files, set_aside_without_log};
use self::qdrant::Qdrant;
pub use self::qdrant::{ServerState, examine, look};
use platform::reach::Unreached;
use storage::Storage;

/// A vector under an id, in a partition (a chat session) that bounds every search.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// What the vector stands for. Unique in the collection; it stays in its partition.
    pub id: Uuid,
    /// Where it is found.
    pub partition: Uuid,
    /// Of length 1.
    pub vector: Vec<f32>,
}

/// A point that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The point.
    pub id: Uuid,
    /// The cosine of the angle between both vectors: from -1 to 1, higher is nearer.
    pub score: f32,
}

/// A collection of points, of one model and with one number of dimensions.
#[async_trait]
pub trait Vectors: Debug + Send + Sync {
    /// Stores points, in place of those that have their ids. They are found once this returns.
    async fn upsert(&self, points: Vec<Point>) -> Result<(), Error>;

    /// The points of a partition that are nearest to a vector of length 1, at most `limit`, the nearest first; without those
    /// of `except`. In a large partition one that is barely near enough may be missed.
    async fn search(
        &self,
        partition: Uuid,
        vector: &[f32],
        limit: usize,
        except: &HashSet<Uuid>,
    ) -> Result<Vec<Hit>, Error>;

    /// Forgets points of a partition. Those that aren't there are no error.
    async fn delete(&self, partition: Uuid, ids: &[Uuid]) -> Result<(), Error>;

    /// Forgets a partition.
    async fn delete_partition(&self, partition: Uuid) -> Result<(), Error>;

    /// How many points there are, in a partition or altogether.
    async fn count(&self, partition: Option<Uuid>) -> Result<u64, Error>;

    /// Forgets everything, to begin anew.
    async fn clear(&self) -> Result<(), Error>;
}

/// Opens the collection `name`, such as `roleplay-memory`: in Qdrant where one is named, else in a file of the data
/// folder. `model` names the embedding model whose vectors it holds; another model, or another number of dimensions, finds
/// an empty collection.
///
/// # Errors
/// The file can't be made, or Qdrant's address can't be read. A Qdrant that doesn't answer is no error here.
pub async fn open(
    storage: &Storage,
    config: &QdrantConfig,
    name: &str,
    model: &str,
    dimensions: usize,
) -> Result<Arc<dyn Vectors>, Error> {
    if config.url.is_named() {
        let tasks = &storage.tasks;
        return Ok(Arc::new(Qdrant::open(
            config, tasks, name, model, dimensions,
        )?));
    }
    let file = storage.data_dir.join(format!("{name}{SUFFIX}"));
    Ok(Arc::new(
        Embedded::open(storage, &file, model, dimensions).await?,
    ))
}

/// Why points can't be stored or found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server doesn't answer; later it may.
    #[error("the vector store doesn't answer")]
    Unavailable(#[source] Source),
    /// The server refuses the key, or what it is good for.
    #[error("the vector store refuses the key")]
    Refused(#[source] Source),
    /// The call asks for something that no store can do.
    #[error("{0}")]
    Invalid(String),
    /// The store failed.
    #[error("the vector store failed")]
    Storage(#[source] Source),
}

impl Error {
    /// Why the server can't be reached, if that is what is wrong.
    pub fn unreached(&self) -> Option<Unreached> {
        match self {
            Self::Unavailable(source) => Unreached::of(&**source),
            _ => None,
        }
    }

    /// What a caller is told where it may be over later: also once somebody has mended what the server refuses.
    pub fn passing(&self) -> Option<String> {
        match self {
            Self::Unavailable(_) | Self::Refused(_) => Some(
                "the vector store can't be used right now: try again in a few seconds".to_owned(),
            ),
            Self::Invalid(_) | Self::Storage(_) => None,
        }
    }
}

/// What lies behind an error.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Refuses a vector of another length than the collection's.
fn check_dimensions(vector: &[f32], dimensions: usize) -> Result<(), Error> {
    if vector.len() == dimensions {
        return Ok(());
    }
    let length = vector.len();
    Err(Error::Invalid(format!(
        "a vector of {length} dimensions doesn't belong to a collection of {dimensions}"
    )))
}
