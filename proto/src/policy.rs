//! The policy table: what the contract says about every method, apart from its business logic.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use crate::Role;
pub use crate::troupe::options::v1::{Audience, RateClass};

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
    /// Whether it answers with a stream.
    pub server_streaming: bool,
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
        lines.push_str(&format!(
            "{} {} {}ms {idempotent} {}B {} x{}{stream}{callers}\n",
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
