//! When a model that fails isn't asked for a while.

use std::time::Duration;

use platform::config::Error;
use serde::Deserialize;

use super::validate::invalid;
use crate::domain::breaker::Limits;

/// When the circuit breaker of a model opens, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerConfig {
    /// How far back calls count, in seconds.
    pub window_secs: u64,
    /// With fewer calls than this in the window a breaker doesn't open.
    pub min_calls: u32,
    /// It opens when so many of a hundred calls failed.
    pub failure_percent: u32,
    /// A call is slow whose first text takes longer, in milliseconds.
    pub slow_first_token_ms: u64,
    /// It opens when so many of a hundred calls were slow.
    pub slow_percent: u32,
    /// For how long it stays open, in seconds, unless the provider says when to come back.
    pub open_secs: u64,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            window_secs: 60,
            min_calls: 5,
            failure_percent: 50,
            slow_first_token_ms: 60_000,
            slow_percent: 80,
            open_secs: 30,
        }
    }
}

impl BreakerConfig {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            window: Duration::from_secs(self.window_secs),
            min_calls: self.min_calls,
            failure_percent: self.failure_percent,
            slow_percent: self.slow_percent,
            pause: Duration::from_secs(self.open_secs),
        }
    }

    pub(crate) fn slow_first_token(&self) -> Duration {
        Duration::from_millis(self.slow_first_token_ms)
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        let at_least_one = [
            ("ai.breakers.window_secs", self.window_secs),
            ("ai.breakers.min_calls", self.min_calls.into()),
            ("ai.breakers.slow_first_token_ms", self.slow_first_token_ms),
            ("ai.breakers.open_secs", self.open_secs),
        ];
        for (key, value) in at_least_one {
            if value == 0 {
                return Err(invalid(key, "must be at least 1"));
            }
        }
        let percents = [
            ("ai.breakers.failure_percent", self.failure_percent),
            ("ai.breakers.slow_percent", self.slow_percent),
        ];
        for (key, value) in percents {
            if !(1..=100).contains(&value) {
                return Err(invalid(key, "must be from 1 to 100"));
            }
        }
        Ok(())
    }
}
