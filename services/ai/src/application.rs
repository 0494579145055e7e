//! The use cases: choosing a model, generating with it, embedding, reading what it took.

pub(crate) mod catalog;
pub(crate) mod embed;
pub(crate) mod generate;
pub(crate) mod health;
pub(crate) mod meter;
pub(crate) mod observe;
mod relay;
pub(crate) mod routing;
pub(crate) mod tiers;
mod warmth;
