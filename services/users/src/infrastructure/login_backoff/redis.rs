//! Counts in Redis: a hash each, decided about by one script. The rules are those of [`Failures`], which the scripts must
//! follow.
//!
//! [`Failures`]: crate::domain::backoff::Failures

use std::time::Duration;

use platform::Timestamp;
use platform::redis::{Redis, Script, Unavailable};

use super::{Keys, TooEarly};
use crate::domain::backoff::{FIRST_WAIT, FORGOTTEN_AFTER, FREE_FAILURES, LONGEST_WAIT};

static BEGIN: Script = Script::new(include_str!("begin.lua"));
static TAKE_BACK: Script = Script::new(include_str!("take_back.lua"));

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
    /// When the failures before it were, on the account and from the network.
    last_before: [i64; 2],
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
        // The braces keep the keys of a decision together where Redis is a cluster.
        let key = |key: &String| self.redis.key(format_args!("{{logins}}:{key}"));
        let keys: Vec<String> = [Some(&keys.account), keys.network.as_ref()]
            .into_iter()
            .flatten()
            .map(key)
            .collect();
        let arguments = vec![
            now.micros().into(),
            FREE_FAILURES.into(),
            micros(FIRST_WAIT).into(),
            micros(LONGEST_WAIT).into(),
            micros(FORGOTTEN_AFTER).into(),
        ];
        let begun = self.redis.run(&BEGIN, keys.clone(), arguments).await?;
        let (wait, is_first, on_account, on_network): (u64, bool, i64, i64) = begun;
        if wait > 0 {
            let wait = Duration::from_micros(wait);
            return Ok(Err(TooEarly { wait, is_first }));
        }
        Ok(Ok(Attempt {
            redis: self.redis.clone(),
            keys,
            at: now,
            last_before: [on_account, on_network],
        }))
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
    async fn take_back(self, forgive_account: bool) {
        let [on_account, on_network] = self.last_before;
        let arguments = vec![
            self.at.micros().into(),
            i64::from(forgive_account).into(),
            on_account.into(),
            on_network.into(),
        ];
        let taken_back = self.redis.run::<()>(&TAKE_BACK, self.keys, arguments).await;
        if let Err(error) = taken_back {
            tracing::info!(%error, "an attempt to log in stays counted as a failure");
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
