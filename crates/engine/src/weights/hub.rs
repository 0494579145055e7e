//! The file from the model hub, over HTTP.

use std::path::Path;
use std::time::Duration;

use super::{Failure, Model, Partial};

/// How long to wait for a connection: without a network, the packages are asked soon.
const CONNECT: Duration = Duration::from_secs(3);
/// How long the server may be silent.
const SILENCE: Duration = Duration::from_secs(20);
/// How long the whole may take.
const WHOLE: Duration = Duration::from_secs(30 * 60);

/// Fetches `model` from `url` to `path`.
pub(super) async fn fetch(path: &Path, model: Model<'_>, url: &str) -> Result<(), Failure> {
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .timeout(WHOLE)
        .build()?;
    let mut response = client.get(url).send().await?.error_for_status()?;
    if let Some(found) = response
        .content_length()
        .filter(|found| *found != model.size_bytes)
    {
        return Err(Failure::Size {
            found,
            expected: model.size_bytes,
        });
    }
    let mut partial = Partial::create(path, model)?;
    while let Some(chunk) = response.chunk().await? {
        partial.write(&chunk)?;
    }
    partial.persist()
}
