//! A bucket of an S3-compatible store.

use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, ClientOptions, Error, RetryConfig};

use crate::backends::S3Config;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A call that broke is tried again twice, as long as that brings an answer in time.
const RETRIES: usize = 2;
const RETRY_TIMEOUT: Duration = Duration::from_secs(1);
const RETRY_PAUSES: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(50),
    max_backoff: Duration::from_millis(500),
    base: 2.0,
};

/// Opens a bucket. Nothing is sent yet.
pub(super) fn open(config: &S3Config) -> Result<AmazonS3, Error> {
    let mut builder = match config.access_key_id.is_empty() {
        true => AmazonS3Builder::from_env(),
        false => AmazonS3Builder::new()
            .with_access_key_id(&config.access_key_id)
            .with_secret_access_key(config.secret_access_key.reveal().unwrap_or_default()),
    };
    if !config.endpoint.is_empty() {
        builder = builder.with_endpoint(config.endpoint.trim_end_matches('/'));
    }
    // The whole of a call is timed by who calls, by how much it carries.
    let options = ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_allow_http(config.endpoint.starts_with("http://"));
    builder
        .with_bucket_name(&config.bucket)
        .with_region(&config.region)
        .with_client_options(options)
        .with_retry(RetryConfig {
            backoff: RETRY_PAUSES,
            max_retries: RETRIES,
            retry_timeout: RETRY_TIMEOUT,
        })
        .build()
}
