//! Counts in Redis: hashes, decided about by one script for each kind of attempt. The rules are those of the domain, which
//! the scripts must follow.

use std::time::Duration;

use platform::Timestamp;
use redis::{Redis, Script, Unavailable};

use super::{Keys, TooEarly};
use crate::domain::backoff::{
    CLOCK_SKEW, FIRST_WAIT, FORGOTTEN_AFTER, FREE_FAILURES, LONGEST_WAIT,
};
use crate::domain::strangers::{CROWD, PLACES, QUIET, TABLE_AGE, TRIES};

static BEGIN_KNOWN: Script = Script::new(include_str!("begin_known.lua"));
static BEGIN_STRANGER: Script = Script::new(include_str!("begin_stranger.lua"));
static TAKE_BACK_KNOWN: Script = Script::new(include_str!("take_back_known.lua"));
static TAKE_BACK_STRANGER: Script = Script::new(include_str!("take_back_stranger.lua"));

/// A login takes longer than this by itself, and a count that is missed is a guess for free.
const PATIENCE: Duration = Duration::from_millis(250);

/// The counts of all replicas.
#[derive(Debug)]
pub(super) struct RedisCounts {
    redis: Redis,
}

/// An attempt that is counted there.
#[derive(Debug)]
pub(super) struct Attempt {
    redis: Redis,
    keys: Vec<String>,
    at: Timestamp,
    kind: Kind,
}

/// How it is counted, and when the failures before it were.
#[derive(Debug)]
enum Kind {
    Known {
        before: i64,
    },
    Stranger {
        is_own: i64,
        slow_before: i64,
        network_before: i64,
    },
}

impl RedisCounts {
    pub(super) fn new(redis: &Redis) -> Self {
        let redis = redis.with_patience(PATIENCE);
        Self { redis }
    }

    #[cfg(test)]
    pub(super) fn patient(redis: &Redis) -> Self {
        let redis = redis.with_patience(Duration::from_secs(60));
        Self { redis }
    }

    pub(super) async fn begin(
        &self,
        keys: &Keys,
        now: Timestamp,
    ) -> Result<Result<Attempt, TooEarly>, Unavailable> {
        let mut arguments = vec![
            now.micros(),
            i64::from(FREE_FAILURES),
            micros(FIRST_WAIT),
            micros(LONGEST_WAIT),
            micros(FORGOTTEN_AFTER),
            micros(CLOCK_SKEW),
        ];
        let (keys, begun) = match keys {
            Keys::Known(key) => {
                let keys = self.names([Some(key), None, None, None]);
                let arguments = values(arguments);
                let begun = self
                    .redis
                    .run(&BEGIN_KNOWN, keys.clone(), arguments)
                    .await?;
                let (wait, is_first, before): (u64, bool, i64) = begun;
                (keys, (wait, is_first, Kind::Known { before }))
            }
            Keys::Stranger {
                account,
                place,
                around,
            } => {
                let wider = around.as_ref().map(|around| &around.wider);
                let network = around.as_ref().map(|around| &around.network);
                let keys = self.names([Some(account), Some(place), wider, network]);
                arguments.extend([micros(QUIET), micros(TABLE_AGE)]);
                arguments.extend([TRIES, PLACES, CROWD].map(i64::from));
                let arguments = values(arguments);
                let begun = self
                    .redis
                    .run(&BEGIN_STRANGER, keys.clone(), arguments)
                    .await?;
                let (wait, is_first, is_own, slow_before, network_before): (
                    u64,
                    bool,
                    i64,
                    i64,
                    i64,
                ) = begun;
                let kind = Kind::Stranger {
                    is_own,
                    slow_before,
                    network_before,
                };
                (keys, (wait, is_first, kind))
            }
        };
        let (wait, is_first, kind) = begun;
        if wait > 0 {
            let wait = Duration::from_micros(wait);
            return Ok(Err(TooEarly { wait, is_first }));
        }
        let redis = self.redis.clone();
        Ok(Ok(Attempt {
            redis,
            keys,
            at: now,
            kind,
        }))
    }

    /// The braces keep the keys of a decision together where Redis is a cluster.
    fn names(&self, keys: [Option<&String>; 4]) -> Vec<String> {
        let name = |key: &String| self.redis.key(format_args!("{{logins}}:{key}"));
        keys.into_iter().flatten().map(name).collect()
    }
}

impl Attempt {
    pub(super) async fn succeeded(self) {
        self.take_back(true).await;
    }

    pub(super) async fn undo(self) {
        self.take_back(false).await;
    }

    /// Where Redis went away in between, the attempt stays counted until it is forgotten.
    async fn take_back(self, has_succeeded: bool) {
        let mut arguments = vec![self.at.micros(), i64::from(has_succeeded)];
        let script = match self.kind {
            Kind::Known { before } => {
                arguments.push(before);
                &TAKE_BACK_KNOWN
            }
            Kind::Stranger {
                is_own,
                slow_before,
                network_before,
            } => {
                arguments.extend([is_own, slow_before, network_before]);
                &TAKE_BACK_STRANGER
            }
        };
        let taken_back = self
            .redis
            .run::<()>(script, self.keys, values(arguments))
            .await;
        if let Err(error) = taken_back {
            tracing::info!(%error, "an attempt to log in stays counted as a failure");
        }
    }
}

fn values<T: From<i64>>(numbers: Vec<i64>) -> Vec<T> {
    numbers.into_iter().map(T::from).collect()
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
