//! Tells verifiers of access tokens what is revoked, as it happens.

use platform::id::{AccessTokenId, LoginSessionId};
use tokio::sync::broadcast;

/// Revocations that a slow verifier may be behind; one further behind starts again from the database.
const KEPT: usize = 1024;

/// Something whose access tokens are no longer good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revocation {
    LoginSession(LoginSessionId),
    Token(AccessTokenId),
}

/// What the feed carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum News {
    Revoked(Revocation),
    /// Other processes may revoke what this one doesn't see: whoever listens must begin anew, best elsewhere.
    LostSight,
}

/// The feed. It carries what was committed, and remembers nothing: whoever joins reads the database too.
#[derive(Debug)]
pub(crate) struct AccessFeed {
    news: broadcast::Sender<News>,
}

impl AccessFeed {
    pub(crate) fn new() -> Self {
        Self {
            news: broadcast::Sender::new(KEPT),
        }
    }

    /// Tells everybody who listens. To be called after the commit.
    pub(crate) fn announce(&self, revocation: Revocation) {
        // An error means that nobody listens.
        let _ = self.news.send(News::Revoked(revocation));
    }

    /// Sends everybody away who listens.
    pub(crate) fn let_go(&self) {
        let _ = self.news.send(News::LostSight);
    }

    /// What is announced from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }
}
