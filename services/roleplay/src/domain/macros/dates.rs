//! Dates and times as SillyTavern's macros write them.

use time::{OffsetDateTime, UtcOffset};

/// An instant and the offset of the person's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Moment {
    /// Seconds since 1970-01-01 UTC.
    pub unix_secs: i64,
    /// Minutes east of UTC.
    pub utc_offset_minutes: i32,
}

impl Moment {
    /// The value of a macro of time, by its name in lower case; `None` if it is none.
    pub(super) fn format(self, name: &str) -> Option<String> {
        let local = self.at_offset(self.utc_offset_minutes)?;
        match name {
            "time" => Some(clock(local)),
            "date" => Some(format!(
                "{} {}, {}",
                local.month(),
                local.day(),
                local.year()
            )),
            "weekday" => Some(local.weekday().to_string()),
            "isotime" => Some(format!("{:02}:{:02}", local.hour(), local.minute())),
            "isodate" => {
                let month = u8::from(local.month());
                Some(format!("{:04}-{month:02}-{:02}", local.year(), local.day()))
            }
            _ => {
                let hours: i32 = name.strip_prefix("time_utc")?.parse().ok()?;
                self.at_offset(hours.checked_mul(60)?).map(clock)
            }
        }
    }

    fn at_offset(self, minutes: i32) -> Option<OffsetDateTime> {
        let offset = UtcOffset::from_whole_seconds(minutes.checked_mul(60)?).ok()?;
        OffsetDateTime::from_unix_timestamp(self.unix_secs)
            .ok()?
            .checked_to_offset(offset)
    }
}

fn clock(at: OffsetDateTime) -> String {
    let half = if at.hour() < 12 { "AM" } else { "PM" };
    let hour = (at.hour() + 11) % 12 + 1;
    format!("{hour}:{:02} {half}", at.minute())
}

/// A length of time in words: `a minute`, `3 hours`, `12 days`.
pub(super) fn humanised(secs: u64) -> String {
    let (count, unit) = match secs {
        0..45 => return "a few seconds".to_owned(),
        45..2_700 => ((secs + 30) / 60, "minute"),
        2_700..79_200 => ((secs + 1_800) / 3_600, "hour"),
        79_200..2_246_400 => ((secs + 43_200) / 86_400, "day"),
        2_246_400..27_648_000 => ((secs + 1_296_000) / 2_592_000, "month"),
        _ => ((secs + 15_768_000) / 31_536_000, "year"),
    };
    match (count.max(1), unit) {
        (1, "hour") => "an hour".to_owned(),
        (1, unit) => format!("a {unit}"),
        (count, unit) => format!("{count} {unit}s"),
    }
}
