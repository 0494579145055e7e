//! A generation: tries, and the pauses between them. What fails before the first delta is tried again where that may
//! help; after it, never.

use std::sync::Arc;
use std::time::Duration;

use async_stream::try_stream;
use rand::RngExt;
use tokio::time::Instant;

use super::Server;
use super::attempt::Attempt;
use super::echo::EchoFilter;
use super::stop::StopFilter;
use super::wire::{self, Traits};
use crate::domain::{Event, EventStream, ProviderError, Request};

const MAX_TRIES: u32 = 3;
/// A server that wants a longer pause is not waited for: the caller learns when to come back.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

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

/// How long to wait before the next try: longer each time, with jitter, and at least as long as the server asks.
/// `None` if there is no sense in another.
fn pause_before_retry(
    error: &ProviderError,
    tries: u32,
    first_pause: Duration,
    deadline: Instant,
) -> Option<Duration> {
    if !error.is_retryable() || tries >= MAX_TRIES {
        return None;
    }
    let longest = first_pause * 2u32.pow(tries - 1);
    let jittered = longest.mul_f64(rand::rng().random_range(0.5..=1.0));
    let pause = jittered.max(retry_after(error).unwrap_or_default());
    (pause <= LONGEST_PAUSE && Instant::now() + pause < deadline).then_some(pause)
}

fn retry_after(error: &ProviderError) -> Option<Duration> {
    match error {
        ProviderError::RateLimited { retry_after } | ProviderError::Overloaded { retry_after } => {
            *retry_after
        }
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(500);

    fn limited(retry_after: Option<Duration>) -> ProviderError {
        ProviderError::RateLimited { retry_after }
    }

    fn in_a_minute() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn waits_longer_each_time_and_at_least_as_long_as_asked() {
        for tries in 1..MAX_TRIES {
            let pause = pause_before_retry(&limited(None), tries, FIRST, in_a_minute()).unwrap();
            let longest = FIRST * tries;
            assert!(pause >= longest / 2 && pause <= longest, "{pause:?}");
        }
        let asked = Duration::from_secs(7);
        let pause = pause_before_retry(&limited(Some(asked)), 1, FIRST, in_a_minute());
        assert_eq!(pause, Some(asked));
    }

    #[test]
    fn does_not_try_in_vain() {
        let asked = limited(Some(Duration::from_secs(20)));
        let soon = Instant::now() + Duration::from_secs(10);
        assert_eq!(pause_before_retry(&asked, 1, FIRST, soon), None);
        let asked = limited(Some(Duration::from_secs(31)));
        assert_eq!(pause_before_retry(&asked, 1, FIRST, in_a_minute()), None);
        assert_eq!(
            pause_before_retry(&limited(None), 3, FIRST, in_a_minute()),
            None
        );
        assert_eq!(
            pause_before_retry(&ProviderError::Refused, 1, FIRST, in_a_minute()),
            None
        );
    }
}
