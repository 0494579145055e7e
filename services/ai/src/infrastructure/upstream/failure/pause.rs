//! When to come back, in each of the forms in which servers say it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use platform::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::told::Told;

/// Numbers from here on are times since 1970 in seconds, and from there on in milliseconds; smaller ones are durations.
const FIRST_EPOCH: f64 = 1e9;
const FIRST_EPOCH_MILLIS: f64 = 1e12;
/// A limit of the day that names no time isn't over in minutes.
const OF_THE_DAY: Duration = Duration::from_secs(3600);
/// Limits of which servers say what is left and when they renew; Anthropic has a prefix of its own.
const LIMITS: &[&str] = &["requests", "tokens", "input-tokens", "output-tokens"];
const PREFIXES: &[&str] = &["x-ratelimit", "anthropic-ratelimit"];
/// Words before a pause.
const BEFORE: &[&str] = &[
    "try again in",
    "retry in",
    "retry after",
    "wait for",
    "please wait",
    "available in",
    "resets in",
    "reset after",
];

/// The pause that headers ask for. Dates are counted from the answer's own date where it has one: clocks differ.
pub(super) fn of_headers(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.trim());
    let number = |name: &str| text(name)?.parse::<f64>().ok();
    let now = text("date")
        .and_then(of_http_date)
        .unwrap_or_else(|| seconds_of(now));
    let millis = number("retry-after-ms").or_else(|| number("x-ms-retry-after-ms"));
    millis
        .and_then(|millis| duration(millis / 1e3))
        .or_else(|| of_value(text("retry-after")?, now))
        .or_else(|| of_limits(headers, now))
        .or_else(|| of_value(text("x-ratelimit-reset-after")?, now))
        .or_else(|| of_value(text("x-ratelimit-reset")?, now))
        .or_else(|| of_value(text("ratelimit-reset")?, now))
        .or_else(|| of_draft(text("ratelimit")?, now))
}

/// The pause that a body asks for.
pub(super) fn of_body(told: &Told, now: Timestamp) -> Option<Duration> {
    of_told(told).or_else(|| {
        // OpenRouter quotes the headers of the server behind it.
        let reset = told.number(&["x-ratelimit-reset"])?;
        of_number(reset, seconds_of(now))
    })
}

/// The pause that the words or members of an error ask for: Google's `retryDelay`, `retry_after`, «try again in 1m30s».
pub(super) fn of_told(told: &Told) -> Option<Duration> {
    let millis = told
        .number(&["retry_after_ms", "retryafterms"])
        .and_then(|millis| duration(millis / 1e3));
    let secs = || {
        told.number(&[
            "retry_after",
            "retryafter",
            "retry_after_seconds",
            "retrydelay",
        ])
        .and_then(duration)
    };
    millis.or_else(secs).or_else(|| of_words(&told.words))
}

/// Limits of a day take longer than the pause that Google asks for with them.
pub(super) fn at_least_for_the_day(told: &Told, pause: Option<Duration>) -> Option<Duration> {
    let is_of_the_day = told.says_any(&["perday", "per day", "requests/day"]);
    if !is_of_the_day {
        return pause;
    }
    Some(pause.unwrap_or_default().max(OF_THE_DAY))
}

/// The limit that is used up and renews last.
fn of_limits(headers: &HeaderMap, now: f64) -> Option<Duration> {
    let text = |name: String| Some(headers.get(name)?.to_str().ok()?.trim());
    let (mut used_up, mut others) = (None, None);
    for prefix in PREFIXES {
        for limit in LIMITS {
            let (left, reset) = match *prefix {
                "x-ratelimit" => (
                    format!("{prefix}-remaining-{limit}"),
                    format!("{prefix}-reset-{limit}"),
                ),
                _ => (
                    format!("{prefix}-{limit}-remaining"),
                    format!("{prefix}-{limit}-reset"),
                ),
            };
            let Some(pause) = text(reset).and_then(|reset| of_value(reset, now)) else {
                continue;
            };
            match text(left).and_then(|left| left.parse::<f64>().ok()) {
                Some(left) if left >= 1.0 => {}
                // Azure says -1.
                Some(_) => used_up = used_up.max(Some(pause)),
                None => others = others.max(Some(pause)),
            }
        }
    }
    used_up.or(others)
}

/// `limit=100, remaining=0, reset=50` and `"default";r=0;t=50`, of drafts of the IETF.
fn of_draft(value: &str, now: f64) -> Option<Duration> {
    let mut parts = value.split([',', ';']).map(str::trim);
    let reset = parts.find_map(|part| part.strip_prefix("reset=").or(part.strip_prefix("t=")))?;
    of_value(reset, now)
}

/// Seconds, a date of HTTP or RFC 3339, a time since 1970, or a duration as Go writes it.
fn of_value(value: &str, now: f64) -> Option<Duration> {
    if let Ok(number) = value.parse::<f64>() {
        return of_number(number, now);
    }
    let date = of_http_date(value).or_else(|| {
        let date = OffsetDateTime::parse(value, &Rfc3339).ok()?;
        Some(date.unix_timestamp_nanos() as f64 / 1e9)
    });
    match date {
        Some(date) => duration((date - now).max(0.0)),
        None => of_go(value),
    }
}

fn of_number(number: f64, now: f64) -> Option<Duration> {
    match number {
        FIRST_EPOCH_MILLIS.. => duration((number / 1e3 - now).max(0.0)),
        FIRST_EPOCH.. => duration((number - now).max(0.0)),
        _ => duration(number),
    }
}

/// A duration as Go writes it, and people too: `1m30.5s`, `100ms`, `2 minutes`.
fn of_go(text: &str) -> Option<Duration> {
    let (mut secs, mut rest, mut is_any) = (0.0, text.trim_start(), false);
    loop {
        let digits = rest
            .find(|char: char| !char.is_ascii_digit() && char != '.')
            .unwrap_or(rest.len());
        let Ok(number) = rest[..digits].parse::<f64>() else {
            break;
        };
        let unit = rest[digits..].trim_start();
        let length = unit
            .find(|char: char| !char.is_alphabetic())
            .unwrap_or(unit.len());
        secs += number * unit_seconds(&unit[..length])?;
        is_any = true;
        rest = unit[length..].trim_start();
    }
    is_any.then(|| duration(secs)).flatten()
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" | "millisecond" | "milliseconds" => 1e-3,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86400.0,
        _ => return None,
    })
}

fn of_words(words: &str) -> Option<Duration> {
    let of_line = |line: &str| {
        let behind = BEFORE
            .iter()
            .find_map(|before| Some(&line[line.find(before)? + before.len()..]));
        // Google writes its delay as a text of its own.
        of_go(behind.unwrap_or(line))
            .filter(|_| behind.is_some() || line.ends_with('s') && !line.contains(' '))
    };
    words.lines().find_map(of_line)
}

fn of_http_date(value: &str) -> Option<f64> {
    let date: SystemTime = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(UNIX_EPOCH).ok()?.as_secs_f64())
}

fn seconds_of(time: Timestamp) -> f64 {
    time.micros() as f64 / 1e6
}

fn duration(secs: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(secs).ok()
}

#[cfg(test)]
mod tests;
