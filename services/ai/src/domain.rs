//! What the service decides with: models, prices, usage, and the ports to providers and embedders. No storage, no protocol.

pub(crate) mod breaker;
pub(crate) mod decision;
pub(crate) mod embedder;
pub(crate) mod estimate;
pub(crate) mod language;
pub(crate) mod model;
pub(crate) mod pace;
pub(crate) mod price;
pub(crate) mod provider;
pub(crate) mod provider_error;
pub(crate) mod route;
pub(crate) mod transcript;
pub(crate) mod usage;

pub(crate) use embedder::Embedder;
pub use model::Form;
pub(crate) use model::Model;
pub(crate) use price::Prices;
pub(crate) use provider::{Event, EventStream, Prompt, Provider, Request};
pub(crate) use provider_error::ProviderError;
pub use route::Preference;
pub(crate) use usage::{FinishReason, Outcome, TokenUsage};
