//! Files from the model hub, over HTTP.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Url};

use super::{Failure, File, Partial};

/// How long to wait for a connection: without a network, the packages are asked soon.
const CONNECT: Duration = Duration::from_secs(3);
/// How long the server may be silent.
const SILENCE: Duration = Duration::from_secs(20);
/// How long the whole may take.
const WHOLE: Duration = Duration::from_secs(30 * 60);

/// Fetches `files` to `folder`: each from beside the weights, which are at `url`.
pub(super) async fn fetch(folder: &Path, files: &[File<'_>], url: &str) -> Result<(), Failure> {
    let client = Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .timeout(WHOLE)
        .build()?;
    let weights = Url::parse(url).map_err(|_| Failure::Address)?;
    for file in files {
        let url = weights.join(file.name).map_err(|_| Failure::Address)?;
        fetch_file(&client, &folder.join(file.name), *file, url).await?;
    }
    Ok(())
}

async fn fetch_file(client: &Client, path: &Path, file: File<'_>, url: Url) -> Result<(), Failure> {
    let mut response = client.get(url).send().await?.error_for_status()?;
    if let Some(found) = response
        .content_length()
        .filter(|found| *found != file.size_bytes)
    {
        return Err(Failure::Size {
            found,
            expected: file.size_bytes,
        });
    }
    let mut partial = Partial::create(path, file)?;
    while let Some(chunk) = response.chunk().await? {
        partial.write(&chunk)?;
    }
    partial.persist()
}
