//! The collection itself: its name, its settings, and that it is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use platform::Tasks;
use qdrant_client::qdrant::collections_client::CollectionsClient;
use qdrant_client::qdrant::points_client::PointsClient;
use qdrant_client::qdrant::{
    CollectionExistsRequest, CreateCollection, CreateCollectionBuilder, CreateFieldIndexCollection,
    CreateFieldIndexCollectionBuilder, DeleteCollection, Distance, FieldType,
    HnswConfigDiffBuilder, UuidIndexParamsBuilder, VectorParamsBuilder,
};
use sha2::{Digest, Sha256};
use tonic::Status;

use super::{Connection, PARTITION, tell, within_deadline};
use crate::Error;

/// Edges of a point in its partition's graph.
const EDGES: u64 = 16;
/// How long to wait before trying again.
const PAUSE: Duration = Duration::from_secs(5);

/// As much of a model's name as shows: Qdrant makes a folder of the collection's name.
const MODEL_CHARS: usize = 100;

/// A collection that is made where it is missing. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Collection {
    collections: CollectionsClient<Connection>,
    points: PointsClient<Connection>,
    name: Arc<str>,
    dimensions: u64,
    /// Whether it was there when this process last looked.
    is_there: Arc<AtomicBool>,
}

impl Collection {
    /// Asks nobody yet.
    pub(super) fn new(connection: Connection, name: String, dimensions: usize) -> Self {
        Self {
            collections: CollectionsClient::new(connection.clone()),
            points: PointsClient::new(connection),
            name: name.into(),
            dimensions: dimensions as u64,
            is_there: Arc::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Makes the collection as soon as the server lets it be made.
    pub(super) async fn make(self, tasks: Tasks) {
        let (mut is_late, mut is_refused) = (false, false);
        while let Err(error) = within_deadline(self.ensure()).await {
            let refuses = matches!(error, Error::Refused(_));
            if !is_late || (refuses && !is_refused) {
                tell(&error);
            }
            is_refused |= refuses;
            is_late = true;
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = tasks.stopping() => return,
            }
        }
        if is_late {
            tracing::info!(collection.name = &*self.name, "Qdrant accepts vectors");
        }
    }

    /// Makes the collection, unless it was seen before.
    pub(super) async fn ensure(&self) -> Result<(), Status> {
        match self.is_there.load(Ordering::Acquire) {
            true => Ok(()),
            false => self.ensure_again().await,
        }
    }

    /// Looks whether the collection is there, and makes it if it isn't.
    pub(super) async fn ensure_again(&self) -> Result<(), Status> {
        if !self.exists().await? {
            let made = self.collections.clone().create(self.settings()).await;
            if let Err(status) = made {
                // Another process may have been quicker.
                if !self.exists().await? {
                    return Err(status);
                }
            }
        }
        // Making an index that is there changes nothing.
        self.points.clone().create_field_index(self.index()).await?;
        self.is_there.store(true, Ordering::Release);
        Ok(())
    }

    /// Makes the collection anew, without its points.
    pub(super) async fn remake(&self) -> Result<(), Status> {
        let request = DeleteCollection {
            collection_name: self.name.to_string(),
            ..DeleteCollection::default()
        };
        self.collections.clone().delete(request).await?;
        self.ensure_again().await
    }

    async fn exists(&self) -> Result<bool, Status> {
        let request = CollectionExistsRequest {
            collection_name: self.name.to_string(),
        };
        let answer = self.collections.clone().collection_exists(request).await?;
        Ok(answer
            .into_inner()
            .result
            .is_some_and(|result| result.exists))
    }

    /// No graph over everything, as no search crosses partitions, but one in each partition that is large enough to want it.
    fn settings(&self) -> CreateCollection {
        CreateCollectionBuilder::new(&*self.name)
            .vectors_config(VectorParamsBuilder::new(self.dimensions, Distance::Cosine))
            .hnsw_config(HnswConfigDiffBuilder::default().m(0).payload_m(EDGES))
            .build()
    }

    fn index(&self) -> CreateFieldIndexCollection {
        CreateFieldIndexCollectionBuilder::new(&*self.name, PARTITION, FieldType::Uuid)
            .field_index_params(UuidIndexParamsBuilder::default().is_tenant(true))
            .wait(true)
            .build()
    }
}

/// The name of a collection: readable, and another one for each model and number of dimensions.
pub(super) fn name(prefix: &str, name: &str, model: &str, dimensions: usize) -> String {
    let model_hash = Sha256::digest(model);
    let model_hash =
        u32::from_be_bytes([model_hash[0], model_hash[1], model_hash[2], model_hash[3]]);
    let readable = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' => c,
        _ => '-',
    };
    let model: String = model.chars().map(readable).take(MODEL_CHARS).collect();
    format!("{prefix}-{name}-{model}-{dimensions}-{model_hash:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_is_named_after_model_and_dimensions() {
        let of = |model: &str, dimensions| name("troupe", "roleplay-memory", model, dimensions);
        assert_eq!(
            of("local/all-MiniLM-L6-v2", 384),
            "troupe-roleplay-memory-local-all-MiniLM-L6-v2-384-b95066ab"
        );
        assert_ne!(of("a/b", 384), of("a-b", 384));
        assert_ne!(of("a", 384), of("a", 768));
        assert!(of(&"é".repeat(1000), 384).len() < 255);
    }
}
