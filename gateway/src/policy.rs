//! What the gateway enforces of a method's policy, and what holds for methods without one.

use std::time::Duration;

use troupe_proto::policy::{self, Audience, RateClass};

use crate::config::Limits;

/// What a call of a method must keep to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// Who may call.
    pub(crate) audience: Audience,
    /// How long a call may take.
    pub(crate) timeout: Duration,
    /// Largest encoded message of a request.
    pub(crate) max_request_bytes: usize,
    /// The budget that a call draws on.
    pub(crate) rate_class: RateClass,
    /// How many tokens it takes.
    pub(crate) rate_cost: u32,
}

impl Policy {
    /// The policy of the method at a gRPC path; a method of another maker's contract is public, within the limits of
    /// the configuration.
    pub(crate) fn of(path: &str, limits: &Limits) -> Self {
        match policy::find(path) {
            Some(policy) => Self {
                audience: policy.audience,
                timeout: policy.timeout,
                max_request_bytes: policy.max_request_bytes,
                rate_class: policy.rate_class,
                rate_cost: policy.rate_cost,
            },
            None => Self {
                audience: Audience::Public,
                timeout: limits.call(),
                max_request_bytes: limits.request_bytes,
                rate_class: RateClass::Unspecified,
                rate_cost: 1,
            },
        }
    }
}
