//! Reading rows by their numbers while others write: a transaction may take a number and commit after others with higher
//! ones.
//!
//! So what is read next isn't only what lies beyond the highest number, but also what was missing below it. A number that
//! stays away for longer than any transaction takes is one of a transaction that failed.

use std::collections::BTreeMap;
use std::time::Duration;

/// Longer than a transaction may take.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(120);
/// Transactions that may have a number below the highest one and not be committed yet.
const AT_ONCE: i64 = 100;

/// Where a reader is.
#[derive(Debug)]
pub(crate) struct Place {
    /// The highest number that was seen.
    pub(crate) highest: i64,
    /// What is missing below it, and since when.
    missing: BTreeMap<i64, Duration>,
}

impl Place {
    /// Begins behind a number, and also takes what was under way then.
    pub(crate) fn after(highest: i64) -> Self {
        Self {
            highest: highest.saturating_sub(AT_ONCE).max(0),
            missing: BTreeMap::new(),
        }
    }

    /// The numbers below the highest that may still come.
    pub(crate) fn missing(&self) -> Vec<i64> {
        self.missing.keys().copied().collect()
    }

    /// Takes note of what was read at a time of the reader's own clock.
    pub(crate) fn read(&mut self, now: Duration, numbers: impl IntoIterator<Item = i64>) {
        for number in numbers {
            self.missing.remove(&number);
            if number > self.highest {
                let below = (self.highest + 1).max(number - AT_ONCE)..number;
                self.missing.extend(below.map(|missing| (missing, now)));
                self.highest = number;
            }
        }
        self.missing
            .retain(|_, since| now.saturating_sub(*since) < GIVEN_UP_AFTER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(7);

    #[test]
    fn asks_again_for_what_was_missing() {
        let mut place = Place::after(0);
        place.read(NOW, [1, 4]);
        assert_eq!((place.highest, place.missing()), (4, vec![2, 3]));
        place.read(NOW, [3]);
        assert_eq!((place.highest, place.missing()), (4, vec![2]));
    }

    #[test]
    fn takes_rows_in_any_order() {
        let mut place = Place::after(0);
        place.read(NOW, [3, 1, 2]);
        assert_eq!((place.highest, place.missing()), (3, vec![]));
    }

    #[test]
    fn gives_up_on_what_stays_away() {
        let mut place = Place::after(0);
        place.read(NOW, [2]);
        place.read(NOW + GIVEN_UP_AFTER, []);
        assert_eq!(place.missing(), Vec::<i64>::new());
    }

    #[test]
    fn begins_early_enough_for_what_is_under_way() {
        assert_eq!(Place::after(1_000).highest, 900);
        assert_eq!(Place::after(3).highest, 0);
    }
}
