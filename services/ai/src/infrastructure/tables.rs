//! The service's tables as SeaORM sees them.

pub(crate) mod attempts;
pub(crate) mod breakers;
pub(crate) mod decisions;
pub(crate) mod embeddings;
pub(crate) mod refusals;
pub(crate) mod usage;
