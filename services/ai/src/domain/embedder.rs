//! The port to embedding models: the encoder in the process, and servers of every dialect, stand behind it.

use std::fmt;

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::ProviderError;

/// What texts are embedded for. Some models make other vectors for what is searched with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be found.
    #[default]
    Document,
    /// To search with.
    Query,
}

/// Vectors of texts, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Embedded {
    pub(crate) vectors: Vec<Vec<f32>>,
    /// Tokens that they took; absent where nobody counted them.
    pub(crate) tokens: Option<u32>,
}

/// An embedding model.
pub(crate) trait Embedder: fmt::Debug + Send + Sync {
    /// The model's id, such as `local/all-minilm-l6-v2`.
    fn model_id(&self) -> &str;

    /// The host that runs it; absent where it runs in the process.
    fn host(&self) -> Option<&str> {
        None
    }

    /// How many numbers a vector has; finds out until `deadline` where that isn't known yet.
    fn dimensions(&self, deadline: Instant) -> BoxFuture<'_, Result<usize, ProviderError>>;

    /// The texts' vectors, in their order, of equal size and of length 1. What goes beyond the model's window is left out
    /// of a text's vector. Dropping the future cancels what has not been computed.
    fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Embedded, ProviderError>>;
}
