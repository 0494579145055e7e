//! A generation: tries, and the pauses between them. What fails before the first text is tried again where that may help;
//! after it, never.

use std::sync::Arc;
use std::time::Duration;

use async_stream::try_stream;
use tokio::time::Instant;

use super::attempt::Attempt;
use super::endpoint::{Endpoint, Refusal};
use super::piece::Reader;
use super::retry::pause_before_retry;
use crate::domain::{Event, EventStream, Prompt, ProviderError};

/// How often a generation is asked for in another way because the server refused the last one.
const MOST_LESSONS: u32 = 6;

/// One generation at one server.
pub(crate) trait Call: Send + Sync + 'static {
    /// Where it is asked for.
    fn endpoint(&self) -> &Endpoint;

    /// How long things may take.
    fn timings(&self) -> Timings;

    /// The request. Asked for with each try, as what the server refuses may be learned in between.
    fn outgoing(&self) -> Result<Outgoing, ProviderError>;

    /// A reader of the answer.
    fn reader(&self) -> Box<dyn Reader>;

    /// What is taken out of the reply.
    fn filters(&self) -> Filters {
        Filters::default()
    }

    /// Whether an empty reply is one: the message that is to be gone on with may be complete.
    fn may_be_empty(&self) -> bool {
        false
    }

    /// Whether what fails before the first text may be tried again.
    fn may_retry(&self) -> bool {
        true
    }

    /// Learns from a refusal. True if the next request is another one, which is sent at once.
    fn learn(&self, _refusal: &Refusal) -> bool {
        false
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timings {
    /// Until the first text.
    pub(crate) first_text: Duration,
    /// A silence in the middle of the reply.
    pub(crate) idle: Duration,
    /// About the first pause before a retry.
    pub(crate) retry_pause: Duration,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// Below the base URL, or beside the version's folder, where it begins with a slash; may have a query.
    pub(crate) path: String,
    /// JSON.
    pub(crate) body: Vec<u8>,
}

/// What is taken out of the reply.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters {
    /// The prompt whose last message the server repeats before it goes on with it.
    pub(crate) echo_of: Option<Arc<Prompt>>,
    /// Stop texts that the server isn't told.
    pub(crate) stop: Vec<String>,
}

/// Generates text until `deadline`.
pub(crate) fn run(call: impl Call, deadline: Instant) -> EventStream {
    Box::pin(try_stream! {
        let (mut tries, mut lessons, mut moves) = (0, 0, 0);
        loop {
            tries += 1;
            let keys = call.endpoint().keys();
            let lease = keys.lease(deadline.min(Instant::now() + call.timings().first_text)).await?;
            let outgoing = call.outgoing()?;
            let mut attempt = Attempt::new(&call, lease.key(), deadline);
            let mut refused = attempt.begin(outgoing).await.err();
            if refused.is_none() {
                yield Event::Started;
            }
            while refused.is_none() {
                match attempt.next().await {
                    Ok(event @ Event::Finished { .. }) => {
                        // The connection goes back to the pool, or closes, before the caller learns of the end.
                        drop(attempt);
                        drop(lease);
                        yield event;
                        return;
                    }
                    Ok(event) => yield event,
                    Err(refusal) => refused = Some(refusal),
                }
            }
            let Some(refusal) = refused else { return };
            let (had_begun, spent) = (attempt.has_text(), attempt.figures().usage());
            // The connection closes before the caller learns of the failure, and before any pause.
            drop(attempt);
            let has_another_key = keys.failed(&lease, &refusal.error);
            drop(lease);
            if !had_begun && has_another_key && moves < keys.count() {
                (moves, tries) = (moves + 1, tries - 1);
                continue;
            }
            if !had_begun && lessons < MOST_LESSONS && call.learn(&refusal) {
                (lessons, tries) = (lessons + 1, tries - 1);
                continue;
            }
            let error = refusal.error;
            let pause = match had_begun || !call.may_retry() {
                true => None,
                false => pause_before_retry(&error, tries, call.timings().retry_pause, deadline),
            };
            let Some(pause) = pause else {
                if let Some(spent) = spent {
                    yield Event::Spent(spent);
                }
                Err(if had_begun { interrupted(error) } else { error })?;
                return;
            };
            tracing::debug!(provider.tries = tries, %error, ?pause, "model server is tried again");
            tokio::time::sleep(pause).await;
        }
    })
}

/// A failure that came after the first text.
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
