//! What the service decides with: models, prices, usage, and the port to providers. No storage, no protocol.

pub(crate) mod estimate;
pub(crate) mod model;
pub(crate) mod price;
pub(crate) mod provider;
pub(crate) mod provider_error;
pub(crate) mod usage;

pub use model::Form;
pub(crate) use model::Model;
pub(crate) use price::Prices;
pub(crate) use provider::{Event, EventStream, Prompt, Provider, Request};
pub(crate) use provider_error::ProviderError;
pub(crate) use usage::{FinishReason, Outcome, TokenUsage};
