//! The port to embedding models. Two stand behind it: the encoder in the process, and any OpenAI-compatible server.

use std::fmt;

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::ProviderError;

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
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Vec<Vec<f32>>, ProviderError>>;
}
