//! How long a method can still be called that is deprecated. The build reads this file too.

use std::fmt;

use prost_types::Timestamp;

/// When a method was deprecated, and when it goes, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deprecation {
    /// Since when nobody should begin to use it. It may lie ahead.
    pub since: i64,
    /// From when on it can't be called any more, where that is known.
    pub sunset: Option<i64>,
}

impl Deprecation {
    /// What a contract says, in days such as `2027-01-31`; none where it says nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(
        is_deprecated: bool,
        since: &str,
        sunset: &str,
    ) -> Result<Option<Self>, &'static str> {
        if since.is_empty() && sunset.is_empty() {
            return Ok(None);
        }
        if !is_deprecated {
            return Err(
                "policy.deprecated_since and policy.sunset need `option deprecated = true`",
            );
        }
        let since = begin_of(since).ok_or("policy.deprecated_since must be a day: 2027-01-31")?;
        let sunset = match sunset {
            "" => None,
            day => Some(begin_of(day).ok_or("policy.sunset must be a day: 2027-01-31")?),
        };
        if sunset.is_some_and(|sunset| sunset <= since) {
            return Err("policy.sunset must come after policy.deprecated_since");
        }
        Ok(Some(Self { since, sunset }))
    }
}

impl fmt::Display for Deprecation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |seconds| Timestamp { seconds, nanos: 0 }.to_string();
        let day = |seconds| day(seconds).replace("T00:00:00Z", "");
        write!(f, "deprecated {}", day(self.since))?;
        match self.sunset {
            Some(sunset) => write!(f, " until {}", day(sunset)),
            None => Ok(()),
        }
    }
}

/// The first moment of a day in UTC.
fn begin_of(day: &str) -> Option<i64> {
    let is_day = day.len() == "2027-01-31".len();
    let begin: Timestamp = format!("{day}T00:00:00Z").parse().ok()?;
    (is_day && begin.seconds >= 0).then_some(begin.seconds)
}
