//! Renewing the tokens of a login session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mesh::Ctx;
use platform::Timestamp;
use platform::id::LoginSessionId;
use sea_orm::DbErr;
use storage::database::Transaction;
use tokio::time::Instant;

use super::{Accounts, Error, TokenPair};
use crate::domain::audit::AuditAction;
use crate::domain::refresh::{Decision, Moment, NextPair, Presented, State, decide};
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
    Superseded,
    Refused,
    SessionEnded(login_session::Model),
}

/// A refresh token on its way to a decision.
struct Call<'a> {
    ctx: &'a Ctx,
    text: &'a str,
    hash: [u8; 32],
    is_in_cookie: bool,
    began: Timestamp,
    /// Set when a try of the transaction found the token not exchanged yet: whoever exchanges it meanwhile does so in the
    /// same moment. It holds for later tries as well.
    was_live: AtomicBool,
}

/// An open login session, and the token of it that was presented.
struct Found {
    session: login_session::Model,
    token: refresh_token::Model,
    next: Option<refresh_token::Model>,
}

impl Accounts {
    /// Refuses a token of another login session than the expected one, without exchanging it.
    pub(crate) async fn check_session(
        &self,
        token: &str,
        expected: Option<LoginSessionId>,
    ) -> Result<(), Error> {
        let Some(expected) = expected else {
            return Ok(());
        };
        let hash = refresh_secret::hash(token);
        let found = refresh_tokens::find_by_hash(self.db.read(), &hash).await?;
        match found.is_some_and(|found| found.login_session_id == expected) {
            true => Ok(()),
            false => Err(Error::RefreshTokenInvalid),
        }
    }

    /// Gives a new pair for a refresh token by the rule of [`crate::domain::refresh`]. Calls with the same token that
    /// overlap are one exchange and get the same pair, through whichever process, so that two tabs that refresh at once both
    /// stay logged in.
    pub(crate) async fn refresh_token(
        self: &Arc<Self>,
        ctx: &Ctx,
        token: &str,
        is_in_cookie: bool,
    ) -> Result<TokenPair, Error> {
        let hash = refresh_secret::hash(token);
        let exchange = self
            .clone()
            .exchange(ctx.clone(), token.to_owned(), hash, is_in_cookie);
        self.refreshes.join(hash, exchange, &self.tasks).await
    }

    async fn exchange(
        self: Arc<Self>,
        ctx: Ctx,
        text: String,
        hash: [u8; 32],
        is_in_cookie: bool,
    ) -> Result<TokenPair, Error> {
        let this = &*self;
        let call = &Call {
            ctx: &ctx,
            text: &text,
            hash,
            is_in_cookie,
            began: self.now(),
            was_live: AtomicBool::new(false),
        };
        let outcome = self
            .db
            .transaction(|tx| Box::pin(async move { this.exchange_in(tx, call).await }))
            .await?;
        match outcome {
            Outcome::Renewed { pair, replaced } => {
                if let Some(replaced) = replaced {
                    self.feed
                        .announce(Revocation::Token(replaced.access_token_id));
                }
                Ok(pair)
            }
            Outcome::Superseded => Err(Error::RefreshTokenSuperseded),
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

    async fn exchange_in(&self, tx: &Transaction<'_>, call: &Call<'_>) -> Result<Outcome, Error> {
        let Some(found) = find(tx, call).await? else {
            return Ok(Outcome::Refused);
        };
        let now = self.now();
        if found.session.end_time.is_some() || found.session.expire_time <= now {
            return Ok(Outcome::Refused);
        }
        let presented = Presented {
            state: state(&found.token),
            expires: found.token.expire_time,
            next: next_pair(tx, found.next.as_ref(), call.began).await?,
        };
        let came_before = found.token.spend_time.is_some_and(|at| call.began < at);
        let moment = Moment {
            now,
            grace: self.lifetimes.refresh_grace,
            is_overlapping: came_before || call.was_live.load(Ordering::Relaxed),
            is_in_cookie: call.is_in_cookie,
        };
        match decide(presented, moment) {
            Decision::Refuse => Ok(Outcome::Refused),
            Decision::Supersede => Ok(Outcome::Superseded),
            // A call that came to a stop on its way here, while its client asked another process and went on: it is no replay.
            Decision::EndSession if call.ctx.deadline <= Instant::now() => Ok(Outcome::Refused),
            Decision::EndSession => self.end_for_replay(tx, call.ctx, found.session, now).await,
            Decision::Repeat => self.repeat(tx, call, found, now).await,
            Decision::Exchange | Decision::Reissue => self.renew(tx, call, found, now).await,
        }
    }

    /// Gives a pair for a token, in the place of the one that it gave before.
    async fn renew(
        &self,
        tx: &Transaction<'_>,
        call: &Call<'_>,
        found: Found,
        now: Timestamp,
    ) -> Result<Outcome, Error> {
        let Found {
            session,
            token: spent,
            next: replaced,
        } = found;
        let user = users::find(tx, session.user_id).await?;
        let user = user.ok_or(Error::RefreshTokenInvalid)?;
        let (pair, token) = self.next_pair(&user, &session, call.text, now)?;
        let (id, idle_expiry) = (token.id, token.expire_time);
        refresh_tokens::insert(tx, token).await?;
        if let Some(replaced) = replaced.clone() {
            let revocation = Revocation::Token(replaced.access_token_id);
            self.share_revocations(tx, &[revocation], now).await?;
            refresh_tokens::replace(tx, replaced, id, now).await?;
        }
        refresh_tokens::spend(tx, spent, id, now).await?;
        let session_id = Some(session.id);
        login_sessions::record_use(tx, session, now, idle_expiry).await?;
        let action = AuditAction::TokenRefreshed;
        audit_events::record(tx, call.ctx, now, action, user.id, session_id).await?;
        Ok(Outcome::Renewed { pair, replaced })
    }

    /// Gives the pair that the token was exchanged for while this call was waiting.
    async fn repeat(
        &self,
        tx: &Transaction<'_>,
        call: &Call<'_>,
        found: Found,
        now: Timestamp,
    ) -> Result<Outcome, Error> {
        let user = users::find(tx, found.session.user_id).await?;
        let (Some(user), Some(next)) = (user, &found.next) else {
            return Ok(Outcome::Refused);
        };
        match self.same_pair(&user, &found.session, next, call.text)? {
            Some(pair) => Ok(Outcome::Renewed {
                pair,
                replaced: None,
            }),
            // Exchanged by a release that drew its tokens by lot.
            None => self.renew(tx, call, found, now).await,
        }
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
        self.share_revocations(tx, &[revocation], now).await?;
        let action = AuditAction::RefreshTokenReused;
        audit_events::record(tx, ctx, now, action, session.user_id, Some(session.id)).await?;
        Ok(Outcome::SessionEnded(session))
    }
}

/// Finds a token and holds its session, so that nobody else exchanges anything of it before the transaction ends.
async fn find(tx: &Transaction<'_>, call: &Call<'_>) -> Result<Option<Found>, DbErr> {
    let Some(token) = refresh_tokens::find_by_hash(tx, &call.hash).await? else {
        return Ok(None);
    };
    if state(&token) == State::Live {
        call.was_live.store(true, Ordering::Relaxed);
    }
    let session = login_sessions::find_and_lock(tx, token.login_session_id).await?;
    // Once more, now that nobody else can be exchanging it.
    let token = refresh_tokens::find(tx, token.id).await?;
    let (Some(session), Some(token)) = (session, token) else {
        return Ok(None);
    };
    let next = next_of(tx, &token).await?;
    Ok(Some(Found {
        session,
        token,
        next,
    }))
}

async fn next_of(
    tx: &Transaction<'_>,
    token: &refresh_token::Model,
) -> Result<Option<refresh_token::Model>, DbErr> {
    match token.successor_id {
        Some(id) => refresh_tokens::find(tx, id).await,
        None => Ok(None),
    }
}

/// How far things went on with the pair that took a token's place, until a call began.
async fn next_pair(
    tx: &Transaction<'_>,
    next: Option<&refresh_token::Model>,
    began: Timestamp,
) -> Result<Option<NextPair>, DbErr> {
    let Some(next) = next else {
        return Ok(None);
    };
    let after = next_of(tx, next).await?;
    Ok(Some(match after {
        Some(after) if was_used_by(&after, began) => NextPair::Outlived,
        _ if was_used(next) => NextPair::Used,
        _ => NextPair::Unused,
    }))
}

/// Whether a pair was used until a time.
fn was_used_by(token: &refresh_token::Model, time: Timestamp) -> bool {
    let uses = [token.access_use_time, token.spend_time];
    uses.into_iter().flatten().any(|at| at <= time)
}

fn was_used(token: &refresh_token::Model) -> bool {
    token.access_use_time.is_some() || token.spend_time.is_some()
}

fn state(token: &refresh_token::Model) -> State {
    match (token.spend_time, token.revoke_time) {
        // Also where it was replaced before: from then on it is a spent one like others.
        (Some(at), _) => State::Spent { at },
        (None, Some(at)) => State::Replaced { at },
        (None, None) => State::Live,
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
        let within = |limit| Ctx::of_job(Role::Users, &Cause::new(), limit);
        let ctx = within(Duration::from_secs(60));
        let (email, password) = (
            || EmailAddress::new("a@example.com"),
            "correct horse battery",
        );
        let registered = accounts.register(&ctx, email(), password.to_owned(), "Alice");
        registered.await.unwrap();
        let first = accounts.login(&ctx, email(), password.to_owned(), "laptop");
        let first = first.await.unwrap().refresh_token;
        let second = accounts.refresh_token(&ctx, &first, false).await.unwrap();
        let third = accounts
            .refresh_token(&ctx, &second.refresh_token, false)
            .await;
        let third = third.unwrap().refresh_token;
        let fourth = accounts.refresh_token(&ctx, &third, false).await.unwrap();
        let late = within(Duration::ZERO);
        assert!(accounts.refresh_token(&late, &first, false).await.is_err());
        let newest = accounts
            .refresh_token(&ctx, &fourth.refresh_token, false)
            .await;
        let newest = newest.unwrap().refresh_token;
        assert!(accounts.refresh_token(&ctx, &first, false).await.is_err());
        let ended = accounts.refresh_token(&ctx, &newest, false).await;
        assert!(ended.is_err(), "a replay in time ends it");
    }
}
