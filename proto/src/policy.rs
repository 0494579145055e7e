//! The policy table: what the contract says about every method, apart from its business logic.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

pub use crate::deprecation::Deprecation;
pub use crate::troupe::options::v1::{Audience, RateClass};
use crate::{Reason, Role};

/// What the contract says about a method (`troupe.options.v1.policy`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodPolicy {
    /// The method as gRPC addresses it: `/troupe.users.v1.AuthService/Login`.
    pub path: &'static str,
    /// The role that serves it, which its package names.
    pub role: Role,
    /// Who may call it.
    pub audience: Audience,
    /// How long a call may take; a shorter deadline of the caller wins.
    pub timeout: Duration,
    /// Whether a client may retry it.
    pub idempotent: bool,
    /// Largest encoded request.
    pub max_request_bytes: usize,
    /// The budget it draws on.
    pub rate_class: RateClass,
    /// How many tokens of the budget it takes.
    pub rate_cost: u32,
    /// Roles that may call it; empty unless the audience is `Service`.
    pub callers: &'static [Role],
    /// For what it may refuse a call, beside the reasons that all methods have.
    pub reasons: &'static [Reason],
    /// Since when it is deprecated, and when it goes, if it is.
    pub deprecation: Option<Deprecation>,
    /// The cookie that it reads and sets, if it does.
    pub cookie: Option<&'static str>,
    /// Whether it answers with a stream.
    pub server_streaming: bool,
}

impl MethodPolicy {
    /// Whether the method may refuse a call for a reason.
    pub fn may_refuse_for(&self, reason: Reason) -> bool {
        self.reasons.contains(&reason) || reason.policy().is_some_and(|policy| policy.is_common)
    }
}

/// Every method of every contract, sorted by path.
pub static METHODS: &[MethodPolicy] = include!(concat!(env!("OUT_DIR"), "/policy.rs"));

/// The policy of the method at a gRPC path, if it is one of ours.
pub fn find(path: &str) -> Option<&'static MethodPolicy> {
    static BY_PATH: LazyLock<HashMap<&str, &MethodPolicy>> =
        LazyLock::new(|| METHODS.iter().map(|m| (m.path, m)).collect());
    BY_PATH.get(path).copied()
}

/// The table as text, a line a method: the form that is checked in and reviewed.
pub fn table() -> String {
    let mut lines = String::new();
    for m in METHODS {
        let idempotent = if m.idempotent { "idempotent" } else { "once" };
        let stream = if m.server_streaming { " stream" } else { "" };
        let callers = if m.callers.is_empty() {
            String::new()
        } else {
            let names: Vec<&str> = m.callers.iter().map(|role| role.name()).collect();
            format!(" from {}", names.join(","))
        };
        let reasons: Vec<&str> = m.reasons.iter().map(|reason| reason.name()).collect();
        let reasons = match reasons.as_slice() {
            [] => String::new(),
            reasons => format!(" refuses {}", reasons.join(",")),
        };
        let cookie = m.cookie.map(|it| format!(" cookie {it}"));
        let cookie = cookie.unwrap_or_default();
        let deprecated = m.deprecation.map(|it| format!(" {it}")).unwrap_or_default();
        lines.push_str(&format!(
            "{} {} {}ms {idempotent} {}B {} x{}{stream}{callers}{reasons}{cookie}{deprecated}\n",
            m.path,
            m.audience
                .as_str_name()
                .trim_start_matches("AUDIENCE_")
                .to_lowercase(),
            m.timeout.as_millis(),
            m.max_request_bytes,
            m.rate_class
                .as_str_name()
                .trim_start_matches("RATE_CLASS_")
                .to_lowercase(),
            m.rate_cost,
        ));
    }
    lines
}
