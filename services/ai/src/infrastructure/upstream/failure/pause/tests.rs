use http::HeaderValue;
use serde_json::{Value, json};

use super::*;

/// 2026-11-30 12:00:00 UTC.
const NOW: i64 = 1_796_040_000;

fn now() -> Timestamp {
    Timestamp::from_micros(NOW * 1_000_000)
}

fn headers(of: &[(&'static str, &'static str)]) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    for (name, value) in of {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    of_headers(&headers, now())
}

fn body(body: &Value) -> Option<Duration> {
    of_body(&Told::read(body), now())
}

fn secs(secs: f64) -> Option<Duration> {
    Some(Duration::from_secs_f64(secs))
}

#[test]
fn reads_retry_after() {
    for (value, expected) in [
        ("7", secs(7.0)),
        ("0.5", secs(0.5)),
        ("Mon, 30 Nov 2026 12:00:04 GMT", secs(4.0)),
        ("Monday, 30-Nov-26 12:00:04 GMT", secs(4.0)),
        ("Mon Nov 30 12:00:04 2026", secs(4.0)),
        ("Mon, 30 Nov 2026 11:00:00 GMT", secs(0.0)),
        ("2026-11-30T12:00:04Z", secs(4.0)),
        ("1796040004", secs(4.0)),
        ("1796040004000", secs(4.0)),
        ("1m30s", secs(90.0)),
        ("-1", None),
        ("soon", None),
    ] {
        assert_eq!(headers(&[("retry-after", value)]), expected, "{value}");
    }
    assert_eq!(
        headers(&[("retry-after-ms", "1500"), ("retry-after", "2")]),
        secs(1.5)
    );
}

#[test]
fn counts_dates_from_the_answers_own() {
    let date = ("date", "Mon, 30 Nov 2026 13:00:00 GMT");
    assert_eq!(
        headers(&[("retry-after", "Mon, 30 Nov 2026 13:00:09 GMT"), date]),
        secs(9.0)
    );
}

#[test]
fn reads_when_limits_renew() {
    let openai = [
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "1m2s"),
        ("x-ratelimit-remaining-tokens", "5000"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ];
    assert_eq!(headers(&openai), secs(62.0));
    assert_eq!(headers(&[("x-ratelimit-reset-tokens", "100ms")]), secs(0.1));
    let anthropic = [
        ("anthropic-ratelimit-tokens-remaining", "0"),
        ("anthropic-ratelimit-tokens-reset", "2026-11-30T12:00:30Z"),
    ];
    assert_eq!(headers(&anthropic), secs(30.0));
    assert_eq!(
        headers(&[("x-ratelimit-reset", "1796040008000")]),
        secs(8.0)
    );
    assert_eq!(headers(&[("ratelimit-reset", "12")]), secs(12.0));
    assert_eq!(
        headers(&[("ratelimit", "limit=10, remaining=0, reset=50")]),
        secs(50.0)
    );
}

#[test]
fn reads_when_to_come_back_from_the_body() {
    let google = json!({"error": {"status": "RESOURCE_EXHAUSTED", "details": [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "46s"}]}});
    assert_eq!(body(&google), secs(46.0));
    for (message, expected) in [
        (
            "Rate limit reached. Please try again in 1m2.5s. Visit us",
            secs(62.5),
        ),
        ("Please try again in 350ms.", secs(0.35)),
        ("Please retry after 26 seconds.", secs(26.0)),
        ("Try again in 2 minutes", secs(120.0)),
        ("Too many tokens", None),
    ] {
        assert_eq!(
            body(&json!({"error": {"message": message}})),
            expected,
            "{message}"
        );
    }
    assert_eq!(body(&json!({"error": {"retry_after": 9}})), secs(9.0));
    let openrouter =
        json!({"error": {"metadata": {"headers": {"X-RateLimit-Reset": "1796040008000"}}}});
    assert_eq!(body(&openrouter), secs(8.0));
}

#[test]
fn waits_for_no_limit_of_the_day() {
    let quota = json!({"error": {"details": [{"quotaId": "GenerateRequestsPerDayPerProject"}, {"retryDelay": "46s"}]}});
    assert_eq!(
        at_least_for_the_day(&Told::read(&quota), secs(46.0)),
        secs(3600.0)
    );
    let minute =
        json!({"error": {"details": [{"quotaId": "GenerateRequestsPerMinutePerProject"}]}});
    assert_eq!(
        at_least_for_the_day(&Told::read(&minute), secs(46.0)),
        secs(46.0)
    );
}
