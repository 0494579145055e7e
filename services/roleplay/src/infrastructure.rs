//! Tables and queries, the files of pictures with their sizes and of assets, the vectors of memories, and the two services that
//! roleplay calls.

pub(crate) mod asset_files;
pub(crate) mod avatars;
pub(crate) mod holder_file;
pub(crate) mod index;
pub(crate) mod models;
pub(crate) mod picture;
mod pixels;
pub(crate) mod profiles;
pub(crate) mod queries;
pub(crate) mod tables;
pub(crate) mod webp;

use tonic::Status;
use troupe_proto::{Reason, error};

/// A part of another service's answer that its contract promises.
///
/// # Errors
/// It is missing, which is the other's fault and logged as such.
fn promised<T>(part: Option<T>, what: &'static str) -> Result<T, Status> {
    part.ok_or_else(|| {
        tracing::error!("another service answers without {what}");
        error::status(Reason::Internal, error::UNEXPLAINED)
    })
}
