//! A bucket of an S3-compatible store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential, AwsCredentialProvider};
use object_store::{BackoffConfig, ClientOptions, CredentialProvider, RetryConfig};
use platform::config::trimmed;

use super::{S3Config, S3Credentials};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Less than the store's first answer has, so that it shows who is silent.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_millis(1500);
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
    let builder = builder
        .with_bucket_name(config.bucket.trim())
        .with_region(config.region.trim())
        .with_client_options(options)
        .with_retry(RetryConfig {
            backoff: RETRY_PAUSES,
            max_retries: RETRIES,
            retry_timeout: RETRY_TIMEOUT,
        });
    let opened = match config.credentials {
        S3Credentials::Machine => {
            let machine = OfMachine(Arc::clone(
                builder.clone().build().map_err(unusable)?.credentials(),
            ));
            builder.with_credentials(Arc::new(machine)).build()
        }
        S3Credentials::Keys | S3Credentials::Anonymous => builder.build(),
    };
    opened.map_err(unusable)
}

fn unusable(error: object_store::Error) -> super::Error {
    super::Error::of(error, None)
}

/// The machine has no credentials, or their provider doesn't answer.
#[derive(Debug, thiserror::Error)]
#[error("this machine gives no credentials: {0}")]
pub(super) struct NoCredentials(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The machine's credentials, told apart from the store where there are none.
#[derive(Debug)]
struct OfMachine(AwsCredentialProvider);

#[async_trait]
impl CredentialProvider for OfMachine {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> Result<Arc<AwsCredential>, object_store::Error> {
        let asked = tokio::time::timeout(CREDENTIALS_TIMEOUT, self.0.get_credential()).await;
        let cause = match asked {
            Ok(Ok(credential)) => return Ok(credential),
            Ok(Err(error)) => error.into(),
            Err(elapsed) => elapsed.into(),
        };
        Err(object_store::Error::Generic {
            store: "S3",
            source: NoCredentials(cause).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Refusal;
    use super::*;

    /// Hands out nothing: at once, or never.
    #[derive(Debug)]
    struct Nobody {
        answers: bool,
    }

    #[async_trait]
    impl CredentialProvider for Nobody {
        type Credential = AwsCredential;

        async fn get_credential(&self) -> Result<Arc<AwsCredential>, object_store::Error> {
            if !self.answers {
                std::future::pending::<()>().await;
            }
            Err(object_store::Error::Generic {
                store: "S3",
                source: "404 Not Found".into(),
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_without_credentials_is_no_fault_of_the_store() {
        for answers in [true, false] {
            let machine = OfMachine(Arc::new(Nobody { answers }));
            let error = machine.get_credential().await.unwrap_err();
            let refusal = Refusal::of(&error, "files");
            assert_eq!(refusal, Some(Refusal::NoCredentials), "{error}");
        }
    }
}
