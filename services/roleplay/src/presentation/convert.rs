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

use std::fmt::Debug;

use sha2::{Digest, Sha256};

use crate::domain::etag::hash_etag;

/// The etag of what is shown of a thing of somebody else: that of the whole would tell of changes of the rest.
fn etag_of_shown(shown: &impl Debug) -> String {
    let mut state = Sha256::new();
    state.update(format!("{shown:?}"));
    hash_etag(state)
}
