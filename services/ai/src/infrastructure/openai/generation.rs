//! A generation: tries, and the pauses between them. What fails before the first delta is tried again where that may
//! help; after it, never.

use std::sync::Arc;

use async_stream::try_stream;
use tokio::time::Instant;

use super::Server;
use super::attempt::Attempt;
use super::echo::EchoFilter;
use super::retry::pause_before_retry;
use super::stop::StopFilter;
use super::wire::{self, Traits};
use crate::domain::{Event, EventStream, ProviderError, Request};

/// Generates text until `deadline`.
pub(super) fn run(
    server: Arc<Server>,
    request: Request,
    traits: Traits,
    deadline: Instant,
) -> EventStream {
    Box::pin(try_stream! {
        let (path, body) = wire::encode(&request, traits).map_err(unencodable)?;
        let untold = wire::untold_stop_texts(&request.stop, traits);
        let mut tries = 0;
        loop {
            tries += 1;
            let echo = if traits.echoes { EchoFilter::new(&request.prompt) } else { EchoFilter::default() };
            let mut attempt = Attempt::new(&server, echo, StopFilter::new(untold), deadline);
            let mut failed = attempt.begin(path, body.clone()).await.err();
            if failed.is_none() {
                yield Event::Started;
            }
            while failed.is_none() {
                match attempt.next().await {
                    Ok(event @ Event::Finished { .. }) => {
                        // The connection goes back to the pool, or closes, before the caller learns of the end.
                        drop(attempt);
                        yield event;
                        return;
                    }
                    Ok(event) => yield event,
                    Err(error) => failed = Some(error),
                }
            }
            let Some(error) = failed else { return };
            let had_begun = attempt.has_text;
            // The connection closes before the caller learns of the failure, and before any pause.
            drop(attempt);
            if had_begun {
                Err(interrupted(error))?;
                return;
            }
            let Some(pause) = pause_before_retry(&error, tries, server.config.retry_pause(), deadline) else {
                Err(error)?;
                return;
            };
            tracing::debug!(provider.tries = tries, %error, ?pause, "model server is tried again");
            tokio::time::sleep(pause).await;
        }
    })
}

/// A failure that came after the first delta.
fn interrupted(error: ProviderError) -> ProviderError {
    if !error.is_retryable() {
        return error;
    }
    let cause = match error.cause() {
        "" => error.to_string(),
        cause => cause.to_owned(),
    };
    ProviderError::Interrupted { cause }
}

fn unencodable(error: serde_json::Error) -> ProviderError {
    ProviderError::Rejected {
        cause: format!("the request can't be written as JSON: {error}"),
    }
}
