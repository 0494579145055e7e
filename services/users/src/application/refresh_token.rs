//! Renewing the tokens of a login session.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use mesh::Ctx;
use platform::database::Transaction;
use platform::{Tasks, Timestamp};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Instrument;

use super::{Accounts, Error, TokenPair};
use crate::domain::audit::AuditAction;
use crate::domain::refresh::{Decision, Presented, State, Successor, decide};
use crate::infrastructure::access_feed::Revocation;
use crate::infrastructure::queries::{audit_events, login_sessions, refresh_tokens, users};
use crate::infrastructure::refresh_secret;
use crate::infrastructure::tables::{login_session, refresh_token};

/// What a refresh token led to. Ending the session is no error to the transaction: it has to be committed.
enum Outcome {
    Renewed {
        pair: TokenPair,
        replaced: Option<refresh_token::Model>,
    },
    Refused,
    SessionEnded(login_session::Model),
}

impl Accounts {
    /// Gives a new pair for a refresh token by the rule of [`crate::domain::refresh`]. Calls with the same token that
    /// overlap are one exchange and get the same pair, so that two tabs that refresh at once both stay logged in.
    pub(crate) async fn refresh_token(
        self: &Arc<Self>,
        ctx: &Ctx,
        token: &str,
    ) -> Result<TokenPair, Error> {
        let hash = refresh_secret::hash(token);
        let exchange = self.clone().exchange(ctx.clone(), hash);
        self.refreshes.join(hash, exchange, &self.tasks).await
    }

    async fn exchange(self: Arc<Self>, ctx: Ctx, hash: [u8; 32]) -> Result<TokenPair, Error> {
        let (this, ctx, hash, now) = (&*self, &ctx, &hash, self.now());
        let outcome = self
            .db
            .transaction(|tx| Box::pin(async move { this.exchange_in(tx, ctx, hash, now).await }))
            .await?;
        match outcome {
            Outcome::Renewed { pair, replaced } => {
                if let Some(replaced) = replaced {
                    self.feed
                        .announce(Revocation::Token(replaced.access_token_id));
                }
                Ok(pair)
            }
            Outcome::Refused => Err(Error::RefreshTokenInvalid),
            Outcome::SessionEnded(session) => {
                tracing::warn!(
                    login_session.id = %session.id,
                    "a spent refresh token came back: its login session is ended"
                );
                self.feed.announce(Revocation::LoginSession(session.id));
                Err(Error::RefreshTokenInvalid)
            }
        }
    }

    async fn exchange_in(
        &self,
        tx: &Transaction<'_>,
        ctx: &Ctx,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Outcome, Error> {
        let Some(token) = refresh_tokens::find_by_hash(tx, hash).await? else {
            return Ok(Outcome::Refused);
        };
        let Some(session) = login_sessions::find_and_lock(tx, token.login_session_id).await? else {
            return Ok(Outcome::Refused);
        };
        if session.end_time.is_some() || session.expire_time <= now {
            return Ok(Outcome::Refused);
        }
        // Once more, now that nobody else can be exchanging it.
        let Some(token) = refresh_tokens::find(tx, token.id).await? else {
            return Ok(Outcome::Refused);
        };
        let successor = match token.successor_id {
            Some(id) => refresh_tokens::find(tx, id).await?,
            None => None,
        };
        let presented = Presented {
            state: state(&token),
            expires: token.expire_time,
        };
        match decide(presented, successor.as_ref().map(as_successor), now) {
            Decision::Refuse => Ok(Outcome::Refused),
            // A call that came to a stop on its way here, while its client asked another process and went on: it is no replay.
            Decision::EndSession if ctx.deadline <= Instant::now() => Ok(Outcome::Refused),
            Decision::EndSession => self.end_for_replay(tx, ctx, session, now).await,
            Decision::Exchange => self.renew(tx, ctx, session, token, None, now).await,
            Decision::Reissue => self.renew(tx, ctx, session, token, successor, now).await,
        }
    }

    async fn renew(
        &self,
        tx: &Transaction<'_>,
        ctx: &Ctx,
        session: login_session::Model,
        spent: refresh_token::Model,
        replaced: Option<refresh_token::Model>,
        now: Timestamp,
    ) -> Result<Outcome, Error> {
        let user = users::find(tx, session.user_id).await?;
        let user = user.ok_or(Error::RefreshTokenInvalid)?;
        let (pair, token) = self.new_pair(&user, &session, now)?;
        if let Some(replaced) = replaced.clone() {
            let revocation = Revocation::Token(replaced.access_token_id);
            self.share_revocation(tx, revocation, now).await?;
            refresh_tokens::revoke(tx, replaced, now).await?;
        }
        refresh_tokens::spend(tx, spent, token.id, now).await?;
        let idle_expiry = token.expire_time;
        refresh_tokens::insert(tx, token).await?;
        let session_id = Some(session.id);
        login_sessions::record_use(tx, session, now, idle_expiry).await?;
        let action = AuditAction::TokenRefreshed;
        audit_events::record(tx, ctx, now, action, user.id, session_id).await?;
        Ok(Outcome::Renewed { pair, replaced })
    }

    async fn end_for_replay(
        &self,
        tx: &Transaction<'_>,
        ctx: &Ctx,
        session: login_session::Model,
        now: Timestamp,
    ) -> Result<Outcome, Error> {
        login_sessions::end(tx, session.id, now).await?;
        let revocation = Revocation::LoginSession(session.id);
        self.share_revocation(tx, revocation, now).await?;
        let action = AuditAction::RefreshTokenReused;
        audit_events::record(tx, ctx, now, action, session.user_id, Some(session.id)).await?;
        Ok(Outcome::SessionEnded(session))
    }
}

fn state(token: &refresh_token::Model) -> State {
    match (token.revoke_time, token.spend_time) {
        (Some(_), _) => State::Revoked,
        (None, Some(_)) => State::Spent,
        (None, None) => State::Live,
    }
}

fn as_successor(token: &refresh_token::Model) -> Successor {
    Successor {
        refresh_state: state(token),
        access_was_used: token.access_use_time.is_some(),
    }
}

type Call = Shared<BoxFuture<'static, Result<TokenPair, Error>>>;
type Calls = Arc<Mutex<HashMap<[u8; 32], Call>>>;

/// Exchanges that are going on, by the hash of the token.
#[derive(Default)]
pub(super) struct InFlight {
    calls: Calls,
}

impl InFlight {
    /// Joins the exchange of the same token if there is one, else begins it. It runs as a task of its own: a client
    /// that goes away doesn't break it off for the others.
    fn join(
        &self,
        hash: [u8; 32],
        exchange: impl Future<Output = Result<TokenPair, Error>> + Send + 'static,
        tasks: &Tasks,
    ) -> Call {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = calls.get(&hash) {
            return call.clone();
        }
        let (done, result) = oneshot::channel();
        let call: Call = result
            .map(|result| result.unwrap_or(Err(Error::Interrupted)))
            .boxed()
            .shared();
        calls.insert(hash, call.clone());
        let entry = Entry {
            calls: self.calls.clone(),
            hash,
        };
        let work = async move {
            let result = exchange.await;
            // Before the answer: a call after it is a new exchange.
            drop(entry);
            let _ = done.send(result);
        };
        tasks.spawn(work.in_current_span());
        call
    }
}

impl std::fmt::Debug for InFlight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InFlight(..)")
    }
}

/// Takes an exchange off the list, also when it panics.
struct Entry {
    calls: Calls,
    hash: [u8; 32],
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.remove(&self.hash);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mesh::Role;
    use platform::trace::Cause;

    use super::*;
    use crate::application::tests::accounts;
    use crate::domain::email::EmailAddress;

    #[tokio::test]
    async fn a_spent_token_in_a_call_whose_time_is_over_ends_no_session() {
        let (accounts, _folder) = accounts().await;
        let within = |limit| Ctx::of_job(Role("test"), &Cause::new(), limit);
        let ctx = within(Duration::from_secs(60));
        let (email, password) = (
            || EmailAddress::new("a@example.com"),
            "correct horse battery",
        );
        let registered = accounts.register(&ctx, email(), password.to_owned(), "Alice");
        registered.await.unwrap();
        let first = accounts.login(&ctx, email(), password.to_owned(), "laptop");
        let first = first.await.unwrap().refresh_token;
        let second = accounts.refresh_token(&ctx, &first).await.unwrap();
        let third = accounts.refresh_token(&ctx, &second.refresh_token).await;
        let third = third.unwrap().refresh_token;
        let late = within(Duration::ZERO);
        assert!(accounts.refresh_token(&late, &first).await.is_err());
        let newest = accounts.refresh_token(&ctx, &third).await.unwrap();
        assert!(accounts.refresh_token(&ctx, &first).await.is_err());
        let ended = accounts.refresh_token(&ctx, &newest.refresh_token).await;
        assert!(ended.is_err(), "a replay in time ends it");
    }
}
