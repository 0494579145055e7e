//! Retries: makes a call again if that does no harm, on another endpoint, and within a budget.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::balance::{Balance, Tried};
use super::budget::Budget;
use super::call::{Call, Calls};
use super::endpoint::Endpoint;
use super::failure::{Failure, Reach};
use super::replay::{self, Replay};

/// How often a call is sent at most, the first time included.
const TRIES: u32 = 3;
/// How often a request may come back unsent, each time from a connection that had just ended. This is more than [`TRIES`], because
/// no server saw such a request: it does no harm to any.
const UNSENT: u32 = 10;
/// The back-off before the second try, and twice as long before the third; a random part of it.
const PAUSE: Duration = Duration::from_millis(25);
/// If a server took longer than this to say that it is unavailable, the call isn't tried again: the server waited for
/// something, such as a database, that its replicas wait for too.
const HASTY: Duration = Duration::from_millis(500);
/// If an answer asks for a longer pause, the caller gets it instead of waiting here.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Tries a call until it is answered, or there is no use or no permission to go on.
#[derive(Debug)]
pub(super) struct Retry {
    inner: Balance,
    budget: Budget,
}

/// The tries of one call.
struct Tries {
    sent: u32,
    unsent: u32,
    began: Instant,
    deadline: Option<Instant>,
    is_idempotent: bool,
    kept: Option<Replay>,
}

/// What a try came to.
enum Step {
    Done(Result<Response<Body>, Status>),
    Again(Box<Request<Body>>),
}

impl Retry {
    pub(super) fn new(inner: Balance, budget: Budget) -> Self {
        Self { inner, budget }
    }

    pub(super) fn inner(&self) -> &Balance {
        &self.inner
    }

    async fn judge(&self, tries: &mut Tries, outcome: Result<Response<Body>, Failure>) -> Step {
        match outcome {
            Ok(answer) => {
                tries.sent += 1;
                self.judge_answer(tries, answer).await
            }
            Err(Failure { reach, status }) => {
                let again = match reach {
                    Reach::Nowhere | Reach::Ended => None,
                    Reach::Unsent(request) => {
                        tries.unsent += 1;
                        (tries.unsent < UNSENT).then_some(request)
                    }
                    Reach::Refused => {
                        tries.sent += 1;
                        tries.again()
                    }
                    Reach::Lost => {
                        tries.sent += 1;
                        self.again_if_harmless(tries)
                    }
                };
                match again {
                    Some(request) => self.after_pause(tries, request, Err(status)).await,
                    None => Step::Done(Err(status)),
                }
            }
        }
    }

    /// What a server said, or began to say.
    async fn judge_answer(&self, tries: &Tries, answer: Response<Body>) -> Step {
        if !tries.is_idempotent {
            return Step::Done(Ok(answer));
        }
        if !is_unavailable(answer.headers()) {
            return Step::Done(Ok(answer));
        }
        if tries.began.elapsed() > HASTY {
            return Step::Done(Ok(answer));
        }
        match self.again_if_harmless(tries) {
            Some(request) => self.after_pause(tries, request, Ok(answer)).await,
            None => Step::Done(Ok(answer)),
        }
    }

    fn again_if_harmless(&self, tries: &Tries) -> Option<Box<Request<Body>>> {
        let again = tries.is_idempotent.then(|| tries.again()).flatten()?;
        self.budget.take().then_some(again)
    }

    /// Lets the pause pass, or gives what there is where it would be too long.
    async fn after_pause(
        &self,
        tries: &Tries,
        again: Box<Request<Body>>,
        outcome: Result<Response<Body>, Status>,
    ) -> Step {
        let pause = tries.pause(outcome.as_ref().ok());
        let is_in_time = tries
            .deadline
            .is_none_or(|deadline| Instant::now() + pause < deadline);
        if pause > LONGEST_PAUSE || !is_in_time {
            return Step::Done(outcome);
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Step::Again(again)
    }
}

impl Tries {
    /// The request once more, if a server may get it once more.
    fn again(&self) -> Option<Box<Request<Body>>> {
        if self.sent >= TRIES {
            return None;
        }
        self.kept.as_ref()?.again().map(Box::new)
    }

    /// How long to wait before the next try. One that goes elsewhere because a connection is gone goes at once.
    fn pause(&self, answer: Option<&Response<Body>>) -> Duration {
        let Some(answer) = answer else {
            return if self.sent < 2 {
                Duration::ZERO
            } else {
                jittered(PAUSE)
            };
        };
        asked_pause(answer.headers()).unwrap_or_else(|| jittered(PAUSE * self.sent))
    }
}

impl Calls for Retry {
    async fn call(&self, call: Call) -> Result<Response<Body>, Status> {
        self.budget.called();
        let is_unary = call.policy.is_some_and(|policy| !policy.server_streaming);
        // What isn't in the contracts is made again only where it comes back unsent.
        let (kept, mut request) = match call.policy {
            Some(_) => {
                let (kept, request) = Replay::keep(call.request);
                (Some(kept), request)
            }
            None => (None, call.request),
        };
        let mut tries = Tries {
            sent: 0,
            unsent: 0,
            began: Instant::now(),
            deadline: call.deadline,
            is_idempotent: call.policy.is_some_and(|policy| policy.idempotent),
            kept,
        };
        let mut last: Option<Arc<Endpoint>> = None;
        loop {
            let Tried {
                endpoint,
                mut outcome,
            } = self
                .inner
                .attempt(request, call.deadline, last.as_ref())
                .await;
            if tries.is_idempotent && is_unary {
                outcome = whole(outcome).await;
            }
            match self.judge(&mut tries, outcome).await {
                Step::Done(outcome) => return outcome,
                Step::Again(again) => request = *again,
            }
            last = endpoint;
        }
    }
}

/// An answer that breaks off before its caller has seen any of it is none.
async fn whole(outcome: Result<Response<Body>, Failure>) -> Result<Response<Body>, Failure> {
    let broken = |status| Failure {
        reach: Reach::Lost,
        status,
    };
    replay::whole(outcome?).await.map_err(broken)
}

/// Whether a server says, before anything else, that it is unavailable.
fn is_unavailable(headers: &HeaderMap) -> bool {
    headers
        .get("grpc-status")
        .is_some_and(|code| Code::from_bytes(code.as_bytes()) == Code::Unavailable)
}

/// The pause that a server asks for.
fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    let status = Status::from_header_map(headers)?;
    status.get_details_retry_info()?.retry_delay
}

fn jittered(longest: Duration) -> Duration {
    longest.mul_f64(rand::random_range(0.0..=1.0))
}
