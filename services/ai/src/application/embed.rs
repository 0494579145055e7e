//! Turns texts into vectors, and records what that took at a server.

use std::sync::Arc;

use mesh::Ctx;

use super::meter::Books;
use super::observe::{self, Operation};
use crate::domain::embedder::{Embedded, Purpose};
use crate::domain::usage::{EmbeddingId, EmbeddingRecord};
use crate::domain::{Embedder, ProviderError, estimate};

/// Runs the embedding model. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Embedding {
    pub(crate) embedder: Arc<dyn Embedder>,
    pub(crate) books: Books,
    /// Pico-USD for a token; absent if no price is known.
    pub(crate) price: Option<i64>,
}

impl Embedding {
    /// The texts' vectors, in their order.
    pub(crate) async fn embed(
        &self,
        ctx: &Ctx,
        texts: Vec<String>,
        purpose: Purpose,
    ) -> Result<Vec<Vec<f32>>, ProviderError> {
        let operation = Operation::embedding(&*self.embedder, texts.len(), ctx.trace);
        let (count, estimated) = (texts.len(), estimate::of_texts(&texts));
        let embedded = self.embedder.embed(texts, purpose, ctx.deadline).await;
        operation.ended(&embedded);
        let Embedded { vectors, tokens } = embedded?;
        if self.embedder.host().is_some() {
            self.record(EmbeddingRecord {
                id: EmbeddingId::new(),
                user_id: ctx.user_id().ok(),
                model_id: self.embedder.model_id().to_owned(),
                texts: count,
                tokens: tokens.unwrap_or(estimated),
                price: self.price,
                cost_pico_usd: self
                    .price
                    .unwrap_or(0)
                    .saturating_mul(tokens.unwrap_or(estimated).into()),
                estimated: tokens.is_none(),
                create_time: self.books.clock.now(),
            });
        }
        Ok(vectors)
    }

    /// Writes in the background: nobody waits for it.
    fn record(&self, record: EmbeddingRecord) {
        observe::embedded(&record);
        let ledger = self.books.ledger.clone();
        self.books.tasks.spawn(async move {
            if let Err(error) = ledger.record_embedding(record).await {
                observe::unrecorded();
                tracing::error!(%error, "usage of an embedding model could not be recorded");
            }
        });
    }
}
