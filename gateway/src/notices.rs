//! What an answer says of its call in headers, whatever it comes to and over every protocol.

use std::sync::{Arc, OnceLock};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use redis::limits::Left;

use crate::rates::Budget;
use crate::refusal::whole_seconds;

/// The fields of draft-ietf-httpapi-ratelimit-headers.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// What is found out of a call on its way, for its answer. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notices {
    limit: Arc<OnceLock<Limit>>,
}

/// The caller's budget after the call.
#[derive(Debug)]
struct Limit {
    policy: HeaderValue,
    left: HeaderValue,
}

impl Notices {
    /// The call drew on a budget, which has this left.
    pub(crate) fn limited(&self, budget: &Budget, left: Left) {
        // A call draws on one budget, once.
        _ = self.limit.set(Limit {
            policy: budget.policy().clone(),
            left: of_left(budget.name(), left),
        });
    }

    /// Says it all. What the service says of limits of its own stays beside it.
    pub(crate) fn say(&self, headers: &mut HeaderMap) {
        if let Some(limit) = self.limit.get() {
            headers.append(POLICY, limit.policy.clone());
            headers.append(LIMIT, limit.left.clone());
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
