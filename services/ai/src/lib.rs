//! Troupe's ai service: models, providers, inference, cost.

pub mod local;
