//! Counts what was published and never left the process.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Topic, meters};

/// How many messages were dropped.
#[derive(Debug, Default)]
pub(super) struct Dropped(AtomicU64);

/// Why one was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// There is no connection to the server.
    Away,
    /// Too much waits to be sent.
    Full,
    /// The bus has ended.
    Ended,
}

impl Dropped {
    pub(super) fn note(&self, topic: &Topic, reason: Reason) {
        self.0.fetch_add(1, Ordering::Relaxed);
        meters::dropped(topic.kind(), reason.as_str());
    }

    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Full => "full",
            Self::Ended => "ended",
        }
    }
}
