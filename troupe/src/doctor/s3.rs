//! The store of files, if a bucket is named.

use platform::config::ServerUrl;
use storage::S3Config;
use storage::files::{self, Error};

use super::finding::Finding;

const SUBJECT: &str = "file store";

pub(super) async fn examine(config: &S3Config) -> Vec<Finding> {
    if !config.is_named() {
        return Vec::new();
    }
    let store = match config.endpoint.as_str() {
        "" => format!("S3 in {}", config.region),
        endpoint => ServerUrl::new(endpoint).to_string(),
    };
    let place = format!("bucket {} at {store}", config.bucket);
    vec![match files::examine(config).await {
        Ok(()) => Finding::good(SUBJECT, format!("{place} can be read")),
        Err(Error::Refused { refusal, .. }) => {
            Finding::broken(SUBJECT, format!("{store} {refusal}")).advise(refusal.advice())
        }
        Err(error) => broken(&place, &error),
    }]
}

fn broken(place: &str, error: &Error) -> Finding {
    let broken = |text: &str, advice: &str| {
        Finding::broken(SUBJECT, format!("{place} {text}")).advise(advice)
    };
    if let Some(unreached) = error.unreached() {
        let advice = unreached.advice();
        return broken(
            &format!("can't be reached: {unreached}"),
            advice.unwrap_or("start the store, or correct TROUPE__S3__ENDPOINT"),
        );
    }
    match error {
        Error::Config(error) => Finding::broken(SUBJECT, error.to_string()).advise(
            "set TROUPE__S3__ACCESS_KEY_ID and TROUPE__S3__SECRET_ACCESS_KEY, or TROUPE__S3__CREDENTIALS",
        ),
        _ => broken(
            "can't be listed: what listens there doesn't answer like an S3 store",
            "see the store's log, or correct TROUPE__S3__ENDPOINT and TROUPE__S3__REGION",
        ),
    }
}
