//! How fast a model was lately: rolling averages of the time to its first text, and of how many tokens a second it writes. Pure.

use std::time::Duration;

use platform::Timestamp;

/// How much the newest call counts.
const NEWEST: f64 = 0.2;
/// What is older says nothing any more.
const GOOD_FOR: Duration = Duration::from_mins(10);

/// The averages.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    first_token_secs: Option<f64>,
    tokens_per_sec: Option<f64>,
    seen: Timestamp,
}

impl Pace {
    /// Takes note of a call: how long its first text took, and how many tokens it then wrote in which time.
    pub(crate) fn saw(&mut self, first: Duration, (tokens, took): (u32, Duration), now: Timestamp) {
        if now.since(self.seen) > GOOD_FOR {
            *self = Self::default();
        }
        self.seen = now;
        self.first_token_secs = Some(rolled(self.first_token_secs, first.as_secs_f64()));
        // Of a few tokens chance decides.
        if tokens >= 8 && took >= Duration::from_millis(1) {
            let rate = f64::from(tokens) / took.as_secs_f64();
            self.tokens_per_sec = Some(rolled(self.tokens_per_sec, rate));
        }
    }

    /// The time to the first text, if there is a figure of late.
    pub(crate) fn first_token(&self, now: Timestamp) -> Option<Duration> {
        let secs = self
            .first_token_secs
            .filter(|_| now.since(self.seen) <= GOOD_FOR)?;
        Duration::try_from_secs_f64(secs).ok()
    }

    /// Tokens a second, if there is a figure of late.
    pub(crate) fn tokens_per_sec(&self, now: Timestamp) -> Option<u32> {
        let rate = self
            .tokens_per_sec
            .filter(|_| now.since(self.seen) <= GOOD_FOR)?;
        Some(rate.round() as u32)
    }
}

fn rolled(before: Option<f64>, new: f64) -> f64 {
    before.map_or(new, |before| before + NEWEST * (new - before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolls_and_grows_old() {
        let (mut pace, now) = (Pace::default(), Timestamp::from_micros(5));
        assert_eq!(pace.first_token(now), None);
        let second = Duration::from_secs(1);
        pace.saw(second, (100, second), now);
        pace.saw(second * 2, (200, second), now);
        assert_eq!(pace.first_token(now), Some(Duration::from_millis(1200)));
        assert_eq!(pace.tokens_per_sec(now), Some(120));
        let later = now + Duration::from_mins(11);
        assert_eq!(pace.first_token(later), None);
        pace.saw(second * 3, (3, second), later);
        assert_eq!(pace.first_token(later), Some(second * 3));
        assert_eq!(pace.tokens_per_sec(later), None);
    }
}
