//! A bucket of an S3-compatible store.

use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use crate::backends::{S3Config, S3Credentials};
use crate::config::trimmed;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A call that broke is tried again twice, as long as that brings an answer in time.
const RETRIES: usize = 2;
const RETRY_TIMEOUT: Duration = Duration::from_secs(1);
const RETRY_PAUSES: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(50),
    max_backoff: Duration::from_millis(500),
    base: 2.0,
};

/// Opens a bucket. Nothing is sent yet, and where the keys are in the settings, nobody else is ever asked for any.
pub(super) fn open(config: &S3Config) -> Result<AmazonS3, super::Error> {
    let mut builder = match config.credentials {
        S3Credentials::Machine => AmazonS3Builder::from_env(),
        S3Credentials::Anonymous => AmazonS3Builder::new().with_skip_signature(true),
        S3Credentials::Keys => {
            let keys = config.keys()?;
            let builder = AmazonS3Builder::new()
                .with_access_key_id(keys.access_key_id)
                .with_secret_access_key(keys.secret_access_key);
            match keys.session_token {
                Some(token) => builder.with_token(token),
                None => builder,
            }
        }
    };
    let endpoint = trimmed(&config.endpoint);
    if !endpoint.is_empty() {
        builder = builder.with_endpoint(&endpoint);
    }
    // The whole of a call is timed by who calls, by how much it carries.
    let options = ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_allow_http(endpoint.starts_with("http://"));
    let opened = builder
        .with_bucket_name(config.bucket.trim())
        .with_region(config.region.trim())
        .with_client_options(options)
        .with_retry(RetryConfig {
            backoff: RETRY_PAUSES,
            max_retries: RETRIES,
            retry_timeout: RETRY_TIMEOUT,
        })
        .build();
    Ok(opened?)
}
