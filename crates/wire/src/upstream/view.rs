//! The state of the processes of a service, as seen from here, for people and for metrics.

use std::sync::Arc;
use std::time::Duration;

/// How another process looks from here.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Where it is.
    pub address: Arc<str>,
    /// Whether it can be called.
    pub state: PeerState,
    /// How long a call can be expected to wait for its answer.
    pub latency: Duration,
    /// Calls whose answers haven't ended.
    pub calls_in_flight: u32,
    /// Calls that failed by its fault, one after another.
    pub failures: u32,
    /// Why the last attempt to connect failed, until one succeeds.
    pub connect_error: Option<Arc<str>>,
}

/// Whether a process can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// A connection is being made.
    Connecting,
    /// It can be called.
    Ready,
    /// It says that it doesn't serve, and is called only where no other is left.
    NotServing,
    /// It couldn't be reached, and the next attempt waits.
    Backoff,
    /// Its calls failed one after another; it is called only where no other is left.
    Ejected,
}

impl PeerState {
    /// As metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Ready => "ready",
            Self::NotServing => "not_serving",
            Self::Backoff => "backoff",
            Self::Ejected => "ejected",
        }
    }
}
