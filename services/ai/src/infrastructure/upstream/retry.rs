//! When to try again, and after which pause.

use std::time::Duration;

use rand::RngExt;
use tokio::time::Instant;

use crate::domain::ProviderError;

const MAX_TRIES: u32 = 3;
/// Each empty reply is charged for.
const MAX_EMPTY_TRIES: u32 = 2;
/// A server that wants a longer pause is not waited for: the caller learns when to come back.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long to wait before the next try: longer each time, with jitter, and at least as long as the server asks.
/// `None` if there is no sense in another.
pub(crate) fn pause_before_retry(
    error: &ProviderError,
    tries: u32,
    first_pause: Duration,
    deadline: Instant,
) -> Option<Duration> {
    let most = match error {
        ProviderError::Empty { .. } => MAX_EMPTY_TRIES,
        _ => MAX_TRIES,
    };
    if !error.is_retryable() || tries >= most {
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
