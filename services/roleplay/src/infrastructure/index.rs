//! The vectors of memories: embedded by the ai service, kept in the platform's vector store. A derived index: what is in
//! it is computed from the tables, and found in them again.

use std::collections::HashSet;
use std::sync::Arc;

use mesh::{Channel, Ctx};
use service::Host;
use storage::Storage;
use tokio::sync::Mutex;
use tonic::Status;
use troupe_proto::ai as pb;
use troupe_proto::ai::embedding_service_client::EmbeddingServiceClient;
use vectors::{self, Point, QdrantConfig, Vectors};

use super::promised;
use crate::domain::ids::{MemoryId, SessionId};

/// The collection's name.
const COLLECTION: &str = "roleplay-memory";
/// Most texts that one call embeds.
pub(crate) const MAX_EMBEDDED: usize = 64;

/// The vectors of memories. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Index {
    storage: Storage,
    qdrant: QdrantConfig,
    client: EmbeddingServiceClient<Channel>,
    /// Opened when the model is known: at the first use, and again when ai embeds with another one.
    opened: Arc<Mutex<Option<Collection>>>,
}

/// The vectors of one model.
#[derive(Debug, Clone)]
pub(crate) struct Collection {
    /// The model's id.
    pub(crate) model: String,
    vectors: Arc<dyn Vectors>,
}

/// Why memories can't be embedded or found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What ai answered.
    #[error("{}", .0.message())]
    Embedder(Status),
    /// The store failed.
    #[error(transparent)]
    Vectors(#[from] vectors::Error),
    /// ai sent something else than a vector for each text.
    #[error("the embedder sent {sent} vectors for {asked} texts")]
    Miscounted {
        /// Texts.
        asked: usize,
        /// Vectors.
        sent: usize,
    },
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Embedder(status)
    }
}

impl Index {
    /// The vectors, of the models behind a channel to the ai service.
    pub(crate) fn new(host: &Host, ai: Channel) -> Self {
        Self {
            storage: host.storage(),
            qdrant: host.backends.qdrant.clone(),
            client: EmbeddingServiceClient::new(ai),
            opened: Arc::default(),
        }
    }

    /// Embeds texts that are to be found, at most [`MAX_EMBEDDED`], and says where their vectors belong.
    pub(crate) async fn embed(
        &self,
        ctx: &Ctx,
        texts: Vec<String>,
    ) -> Result<(Collection, Vec<Vec<f32>>), Error> {
        self.embed_for(ctx, texts, pb::EmbeddingPurpose::Document)
            .await
    }

    /// The vector of a text to search with, and where it belongs.
    pub(crate) async fn embed_query(
        &self,
        ctx: &Ctx,
        text: String,
    ) -> Result<(Collection, Vec<f32>), Error> {
        let purpose = pb::EmbeddingPurpose::Query;
        let (collection, mut vectors) = self.embed_for(ctx, vec![text], purpose).await?;
        Ok((collection, vectors.pop().unwrap_or_default()))
    }

    async fn embed_for(
        &self,
        ctx: &Ctx,
        texts: Vec<String>,
        purpose: pb::EmbeddingPurpose,
    ) -> Result<(Collection, Vec<Vec<f32>>), Error> {
        let asked = texts.len();
        let request = ctx.request(pb::EmbedRequest {
            texts,
            purpose: purpose.into(),
        });
        let answer = self.client.clone().embed(request).await?.into_inner();
        let embeddings = answer.embeddings.into_iter();
        let vectors: Vec<Vec<f32>> = embeddings.map(|embedding| embedding.values).collect();
        if vectors.len() != asked {
            let sent = vectors.len();
            return Err(Error::Miscounted { asked, sent });
        }
        let collection = self
            .open(promised(answer.model, "the embedding model")?)
            .await?;
        Ok((collection, vectors))
    }

    /// The vectors of the model that embeds now.
    pub(crate) async fn collection(&self, ctx: &Ctx) -> Result<Collection, Error> {
        let request = ctx.request(pb::GetEmbeddingModelRequest {});
        let answer = self.client.clone().get_embedding_model(request).await?;
        let model = promised(answer.into_inner().model, "the embedding model")?;
        self.open(model).await
    }

    /// The vectors that were used last, without asking which model embeds now; none before the first use.
    pub(crate) async fn opened(&self) -> Option<Collection> {
        self.opened.lock().await.clone()
    }

    async fn open(&self, model: pb::EmbeddingModel) -> Result<Collection, Error> {
        let mut opened = self.opened.lock().await;
        if let Some(collection) = opened.as_ref().filter(|open| open.model == model.id) {
            return Ok(collection.clone());
        }
        let dimensions = usize::try_from(model.dimensions).unwrap_or(0);
        let vectors = vectors::open(
            &self.storage,
            &self.qdrant,
            COLLECTION,
            &model.id,
            dimensions,
        )
        .await?;
        let model = model.id;
        let collection = Collection { model, vectors };
        *opened = Some(collection.clone());
        Ok(collection)
    }
}

impl Collection {
    /// Stores the vectors of memories, each with its session.
    pub(crate) async fn upsert(
        &self,
        memories: impl IntoIterator<Item = ((SessionId, MemoryId), Vec<f32>)>,
    ) -> Result<(), Error> {
        let memories = memories.into_iter();
        let points = memories.map(|((session, memory), vector)| Point {
            id: memory.uuid(),
            partition: session.uuid(),
            vector,
        });
        Ok(self.vectors.upsert(points.collect()).await?)
    }

    /// The memories of a session that are nearest to a vector, the nearest first, without those of `except`.
    pub(crate) async fn search(
        &self,
        session: SessionId,
        vector: &[f32],
        limit: usize,
        except: &HashSet<MemoryId>,
    ) -> Result<Vec<(MemoryId, f32)>, Error> {
        let except = except.iter().map(|id| id.uuid()).collect();
        let hits = self
            .vectors
            .search(session.uuid(), vector, limit, &except)
            .await?;
        let memory = |hit: vectors::Hit| (MemoryId::from_uuid(hit.id), hit.score);
        Ok(hits.into_iter().map(memory).collect())
    }

    /// Forgets the vectors of memories.
    pub(crate) async fn delete(
        &self,
        session: SessionId,
        memories: impl IntoIterator<Item = MemoryId>,
    ) -> Result<(), Error> {
        let ids: Vec<_> = memories.into_iter().map(MemoryId::uuid).collect();
        Ok(self.vectors.delete(session.uuid(), &ids).await?)
    }

    /// Forgets the vectors of a session.
    pub(crate) async fn delete_session(&self, session: SessionId) -> Result<(), Error> {
        Ok(self.vectors.delete_partition(session.uuid()).await?)
    }

    /// How many vectors there are.
    pub(crate) async fn count(&self) -> Result<u64, Error> {
        Ok(self.vectors.count(None).await?)
    }

    /// Forgets all vectors.
    pub(crate) async fn clear(&self) -> Result<(), Error> {
        Ok(self.vectors.clear().await?)
    }
}
