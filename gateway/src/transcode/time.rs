//! Timestamps and durations in their JSON forms, by arithmetic on seconds and nanoseconds.

/// From 0001-01-01T00:00:00Z.
const MIN_SECONDS: i64 = -62_135_596_800;
/// To 9999-12-31T23:59:59Z.
const MAX_SECONDS: i64 = 253_402_300_799;
/// About ten thousand years.
const MAX_DURATION_SECONDS: i64 = 315_576_000_000;

const TIMESTAMP_FORM: &str = "must be an RFC 3339 time, such as 2026-01-31T12:00:00Z";
const DURATION_FORM: &str = "must be seconds with at most nine decimals, such as 1.5s";
const RANGE: &str = "is out of range";

/// Seconds and nanoseconds since 1970 of an RFC 3339 time with any offset.
pub(crate) fn parse_timestamp(text: &str) -> Result<(i64, i32), &'static str> {
    let bytes = text.as_bytes();
    let (clock, rest) = bytes.split_at_checked(19).ok_or(TIMESTAMP_FORM)?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| clock[*at] != *byte) {
        return Err(TIMESTAMP_FORM);
    }
    let number = |from: usize, to: usize| digits(&clock[from..to]).ok_or(TIMESTAMP_FORM);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let in_range = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range {
        return Err(TIMESTAMP_FORM);
    }
    let (nanos, rest) = fraction(rest).ok_or(TIMESTAMP_FORM)?;
    let offset = offset_seconds(rest).ok_or(TIMESTAMP_FORM)?;
    let days = days_from_civil(year, month, day);
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    match (MIN_SECONDS..=MAX_SECONDS).contains(&seconds) {
        true => Ok((seconds, nanos)),
        false => Err(RANGE),
    }
}

/// Seconds and nanoseconds of a duration, of one sign.
pub(crate) fn parse_duration(text: &str) -> Result<(i64, i32), &'static str> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let number = unsigned.strip_suffix('s').ok_or(DURATION_FORM)?;
    let split = number.find('.').unwrap_or(number.len());
    let (whole, rest) = number.split_at(split);
    if whole.is_empty() || whole.len() > 18 {
        return Err(DURATION_FORM);
    }
    let seconds = digits(whole.as_bytes()).ok_or(DURATION_FORM)?;
    let (nanos, rest) = fraction(rest.as_bytes()).ok_or(DURATION_FORM)?;
    if !rest.is_empty() {
        return Err(DURATION_FORM);
    }
    if seconds > MAX_DURATION_SECONDS || (seconds == MAX_DURATION_SECONDS && nanos > 0) {
        return Err(RANGE);
    }
    Ok(if unsigned.len() == text.len() {
        (seconds, nanos)
    } else {
        (-seconds, -nanos)
    })
}

/// The RFC 3339 form in UTC; None out of range.
pub(crate) fn format_timestamp(seconds: i64, nanos: i32) -> Option<String> {
    let valid =
        (MIN_SECONDS..=MAX_SECONDS).contains(&seconds) && (0..1_000_000_000).contains(&nanos);
    if !valid {
        return None;
    }
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let fraction = format_fraction(nanos.unsigned_abs());
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"
    ))
}

/// The JSON form of a duration; None out of range, or where the signs differ.
pub(crate) fn format_duration(seconds: i64, nanos: i32) -> Option<String> {
    let valid = seconds.unsigned_abs() <= MAX_DURATION_SECONDS.unsigned_abs()
        && nanos.unsigned_abs() < 1_000_000_000
        && (seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0));
    if !valid {
        return None;
    }
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    let fraction = format_fraction(nanos.unsigned_abs());
    Some(format!("{sign}{}{fraction}s", seconds.unsigned_abs()))
}

fn format_fraction(nanos: u32) -> String {
    match nanos {
        0 => String::new(),
        _ if nanos.is_multiple_of(1_000_000) => format!(".{:03}", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1_000) => format!(".{:06}", nanos / 1_000),
        _ => format!(".{nanos:09}"),
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0_i64, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + i64::from(byte - b'0'))
    })
}

/// Nanoseconds of an optional fraction, and what follows it.
fn fraction(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let Some(rest) = bytes.strip_prefix(b".") else {
        return Some((0, bytes));
    };
    let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&len) {
        return None;
    }
    let scale = 10_i64.pow(9 - len as u32);
    let nanos = digits(&rest[..len])? * scale;
    Some((nanos as i32, &rest[len..]))
}

fn offset_seconds(bytes: &[u8]) -> Option<i64> {
    match bytes {
        b"Z" => Some(0),
        [sign @ (b'+' | b'-'), hours @ .., b':', tens, ones] if hours.len() == 2 => {
            let (hours, minutes) = (digits(hours)?, digits(&[*tens, *ones])?);
            let seconds = hours * 3_600 + minutes * 60;
            let valid = hours < 24 && minutes < 60;
            valid.then_some(if *sign == b'+' { seconds } else { -seconds })
        }
        _ => None,
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a date; years start in March, so that the leap day is the last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}
