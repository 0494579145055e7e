//! Between the contract's messages and the domain's types, a file for each service.

pub(super) mod avatar;
pub(super) mod cast;
pub(super) mod character;
pub(super) mod download;
pub(super) mod generation;
pub(super) mod json;
pub(super) mod lorebook;
pub(super) mod message;
pub(super) mod participant;
pub(super) mod prompt;
pub(super) mod scenario;
pub(super) mod session;
pub(super) mod sharing;
