//! Telling verifiers what is revoked: all that matters at first, then each change.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use platform::id::{AccessTokenId, LoginSessionId};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::{Accounts, Error};
use crate::infrastructure::access_feed::{News, Revocation};
use crate::infrastructure::queries::{login_sessions, refresh_tokens};
use crate::infrastructure::signing_keys::PublicKey;

/// So many ids fit into a message of any transport's default size.
const IDS_IN_A_MESSAGE: usize = 10_000;
/// How far the clock of a process that revoked something may be behind ours, or ours may be set back afterwards.
const CLOCK_SKEW: Duration = Duration::from_hours(2);

/// A part of what verifiers need to know.
#[derive(Debug, Clone, Default)]
pub(crate) struct AccessChange {
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) revoked_sessions: Vec<LoginSessionId>,
    pub(crate) revoked_tokens: Vec<AccessTokenId>,
}

struct Watch {
    accounts: Arc<Accounts>,
    news: broadcast::Receiver<News>,
    ready: VecDeque<AccessChange>,
}

impl Accounts {
    /// The changes from now on, after everything that is in force now. Ends at shutdown, and where this process can't see
    /// what others revoke.
    pub(crate) async fn watch_access(
        self: &Arc<Self>,
    ) -> Result<impl Stream<Item = Result<AccessChange, Error>> + Send + 'static, Error> {
        // Subscribed before reading, so that nothing falls between.
        let news = self.feed.subscribe();
        let watch = Watch {
            accounts: self.clone(),
            news,
            ready: self.access_now().await?,
        };
        Ok(futures::stream::unfold(Some(watch), |watch| async move {
            let mut watch = watch?;
            match watch.next().await? {
                Ok(change) => Some((Ok(change), Some(watch))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    /// The keys, and what was revoked so recently that access tokens for it may still be in time.
    async fn access_now(&self) -> Result<VecDeque<AccessChange>, Error> {
        let oldest = self.now() - self.lifetimes.access_token - CLOCK_SKEW;
        let db = self.db.read();
        let sessions = login_sessions::list_ended_after(db, oldest).await?;
        let tokens = refresh_tokens::list_access_revoked_after(db, oldest).await?;
        let mut changes = VecDeque::new();
        changes.extend(sessions.chunks(IDS_IN_A_MESSAGE).map(|ids| AccessChange {
            revoked_sessions: ids.to_vec(),
            ..AccessChange::default()
        }));
        changes.extend(tokens.chunks(IDS_IN_A_MESSAGE).map(|ids| AccessChange {
            revoked_tokens: ids.to_vec(),
            ..AccessChange::default()
        }));
        // The keys come last: a verifier that has them is ready, and must know by then what is revoked.
        let last = changes.pop_back().unwrap_or_default();
        changes.push_back(AccessChange {
            keys: self.public_keys().to_vec(),
            ..last
        });
        Ok(changes)
    }
}

impl Watch {
    /// The next change; `None` at the end.
    async fn next(&mut self) -> Option<Result<AccessChange, Error>> {
        let accounts = self.accounts.clone();
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Some(Ok(change));
            }
            let next = tokio::select! {
                () = accounts.tasks.stopping() => return None,
                next = self.news.recv() => next,
            };
            match next {
                Ok(News::Revoked(revocation)) => self.ready.push_back(change_of(revocation)),
                Ok(News::LostSight) | Err(RecvError::Closed) => return None,
                // What was missed is in the database. Revoking twice does no harm.
                Err(RecvError::Lagged(_)) => match accounts.access_now().await {
                    Ok(everything) => self.ready = everything,
                    Err(error) => return Some(Err(error)),
                },
            }
        }
    }
}

fn change_of(revocation: Revocation) -> AccessChange {
    match revocation {
        Revocation::LoginSession(id) => AccessChange {
            revoked_sessions: vec![id],
            ..AccessChange::default()
        },
        Revocation::Token(id) => AccessChange {
            revoked_tokens: vec![id],
            ..AccessChange::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;
    use crate::application::tests::accounts;

    #[tokio::test]
    async fn a_verifier_that_falls_behind_gets_everything_again() {
        let (accounts, _folder) = accounts().await;
        let mut changes = Box::pin(accounts.watch_access().await.unwrap());
        assert_eq!(changes.next().await.unwrap().unwrap().keys.len(), 1);
        for _ in 0..5_000 {
            let revocation = Revocation::LoginSession(LoginSessionId::new());
            accounts.feed.announce(revocation);
        }
        // The keys are only in the whole.
        assert_eq!(changes.next().await.unwrap().unwrap().keys.len(), 1);
    }

    #[tokio::test]
    async fn the_stream_ends_where_the_revocations_of_others_can_t_be_seen() {
        let (accounts, _folder) = accounts().await;
        let mut changes = Box::pin(accounts.watch_access().await.unwrap());
        changes.next().await.unwrap().unwrap();
        accounts.feed.let_go();
        assert!(changes.next().await.is_none());
    }

    #[tokio::test]
    async fn the_stream_ends_at_shutdown() {
        let (accounts, _folder) = accounts().await;
        let mut changes = Box::pin(accounts.watch_access().await.unwrap());
        changes.next().await.unwrap().unwrap();
        accounts.tasks.token().cancel();
        assert!(changes.next().await.is_none());
    }
}
