//! Tells verifiers of access tokens what is revoked, as it happens.

use platform::id::{AccessTokenId, LoginSessionId};
use tokio::sync::broadcast;

/// Revocations that a slow verifier may be behind; one further behind starts again from the database.
const KEPT: usize = 1024;

/// Something whose access tokens are no longer good.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Revocation {
    LoginSession(LoginSessionId),
    Token(AccessTokenId),
}

/// The feed. It carries what was committed, and remembers nothing: whoever joins reads the database too.
#[derive(Debug)]
pub(crate) struct AccessFeed {
    revocations: broadcast::Sender<Revocation>,
}

impl AccessFeed {
    pub(crate) fn new() -> Self {
        Self {
            revocations: broadcast::Sender::new(KEPT),
        }
    }

    /// Tells everybody who listens. To be called after the commit.
    pub(crate) fn announce(&self, revocation: Revocation) {
        // An error means that nobody listens.
        let _ = self.revocations.send(revocation);
    }

    /// What is announced from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Revocation> {
        self.revocations.subscribe()
    }
}
