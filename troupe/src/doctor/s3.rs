//! The store of files, if a bucket is named.

use platform::backends::S3Config;
use platform::files::{self, Error};

use super::finding::Finding;

const SUBJECT: &str = "file store";

/// Lists the bucket.
pub(super) async fn examine(config: &S3Config) -> Vec<Finding> {
    if config.bucket.is_empty() {
        return Vec::new();
    }
    let place = match config.endpoint.as_str() {
        "" => format!("bucket {} in {}", config.bucket, config.region),
        endpoint => format!("bucket {} at {endpoint}", config.bucket),
    };
    vec![match files::examine(config).await {
        Ok(()) => Finding::good(SUBJECT, format!("{place} can be read")),
        Err(error) if error.is_about_keys() => {
            Finding::broken(SUBJECT, format!("{place} refuses the keys: {error}")).advise(
                "correct TROUPE__S3__ACCESS_KEY_ID and TROUPE__S3__SECRET_ACCESS_KEY, or let them list, read and write the bucket",
            )
        }
        Err(error @ Error::Config(_)) => Finding::broken(SUBJECT, error.to_string())
            .advise("set TROUPE__S3__ACCESS_KEY_ID and TROUPE__S3__SECRET_ACCESS_KEY, or TROUPE__S3__CREDENTIALS"),
        Err(error) => Finding::broken(SUBJECT, format!("{place}: {error}")).advise(
            "start the store, make the bucket, or mend TROUPE__S3__ENDPOINT",
        ),
    }]
}
