//! What an answer says of its call in headers, whatever it comes to and over every protocol.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use httpdate::fmt_http_date;
use redis::limits::Left;
use troupe_proto::policy::Deprecation;

use crate::rates::Budget;
use crate::refusal::whole_seconds;

/// The fields of draft-ietf-httpapi-ratelimit-headers.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// Those of RFC 9745 and RFC 8594.
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// What is found out of a call on its way, for its answer. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notices(Arc<Found>);

#[derive(Debug, Default)]
struct Found {
    limit: OnceLock<Limit>,
    farewell: OnceLock<Arc<Farewell>>,
}

/// The caller's budget after the call.
#[derive(Debug)]
struct Limit {
    policy: HeaderValue,
    left: HeaderValue,
}

/// That a method is deprecated, ready to be said.
#[derive(Debug)]
pub(crate) struct Farewell {
    since: HeaderValue,
    sunset: Option<HeaderValue>,
}

impl Farewell {
    /// By the days of its contract.
    pub(crate) fn new(deprecation: Deprecation) -> Self {
        let value = |text: String| HeaderValue::try_from(text).ok();
        let sunset = deprecation.sunset.map(|at| {
            let after = Duration::from_secs(at.unsigned_abs());
            fmt_http_date(SystemTime::UNIX_EPOCH + after)
        });
        Self {
            since: value(format!("@{}", deprecation.since)).unwrap_or(HeaderValue::from_static("")),
            sunset: sunset.and_then(value),
        }
    }
}

impl Notices {
    /// The call is for a method, which may be deprecated.
    pub(crate) fn of(&self, farewell: Option<&Arc<Farewell>>) {
        if let Some(farewell) = farewell {
            // A call is for one method.
            _ = self.0.farewell.set(Arc::clone(farewell));
        }
    }

    /// The call drew on a budget, which has this left.
    pub(crate) fn limited(&self, budget: &Budget, left: Left) {
        // A call draws on one budget, once.
        _ = self.0.limit.set(Limit {
            policy: budget.policy().clone(),
            left: of_left(budget.name(), left),
        });
    }

    /// Says it all. What the service says of limits of its own stays beside it.
    pub(crate) fn say(&self, headers: &mut HeaderMap) {
        if let Some(limit) = self.0.limit.get() {
            headers.append(POLICY, limit.policy.clone());
            headers.append(LIMIT, limit.left.clone());
        }
        if let Some(farewell) = self.0.farewell.get() {
            headers.insert(DEPRECATION, farewell.since.clone());
            if let Some(sunset) = &farewell.sunset {
                headers.insert(SUNSET, sunset.clone());
            }
        }
    }
}

/// `"read";r=187;t=1`: the calls that are left, and the seconds until there is one more.
fn of_left(name: &str, left: Left) -> HeaderValue {
    let seconds = whole_seconds(left.next);
    let text = format!("\"{name}\";r={};t={seconds}", left.tokens);
    let mut value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
    // As the request id: seen once, and nothing for the table of headers that come again.
    value.set_sensitive(true);
    value
}
