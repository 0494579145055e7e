//! What the ledger keeps of how a model came to write: the choice of a route, and the tries that failed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use troupe_proto::Reason;

use super::TokenUsage;
use super::route::Verdict;

/// How a route chose among its models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) route_id: Arc<str>,
    /// Those that are tried, in their order, and behind them those that are left out.
    pub(crate) candidates: Vec<Considered>,
}

/// A model that a route considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Considered {
    pub(crate) model_id: String,
    pub(crate) verdict: Verdict,
}

/// A try at a generation that failed before the first text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedTry {
    pub(crate) model_id: String,
    pub(crate) provider: String,
    pub(crate) reason: Reason,
    /// What the provider took for it, which nobody is charged for.
    pub(crate) tokens: TokenUsage,
    pub(crate) cost_pico_usd: i64,
    pub(crate) estimated: bool,
}

/// What happened before a model wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trail {
    /// Absent where a model was named.
    pub(crate) decision: Option<Arc<Decision>>,
    pub(crate) failed: Vec<FailedTry>,
}
