//! Logging in.

use std::sync::Arc;

use mesh::Ctx;
use platform::id::LoginSessionId;
use sea_orm::DbErr;
use tracing::Instrument;

use super::{Accounts, Error, TokenPair};
use crate::domain::audit::AuditAction;
use crate::domain::email::EmailAddress;
use crate::domain::text;
use crate::infrastructure::login_backoff::{Attempt, TooEarly};
use crate::infrastructure::network::Network;
use crate::infrastructure::queries::{
    audit_events, known_networks, login_sessions, refresh_tokens, users,
};
use crate::infrastructure::tables::{login_session, user};

impl Accounts {
    /// Opens a login session. An address without account costs as much as a wrong password, and is held up alike.
    pub(crate) async fn login(
        self: &Arc<Self>,
        ctx: &Ctx,
        email: EmailAddress,
        password: String,
        device_name: &str,
    ) -> Result<TokenPair, Error> {
        let device_name = text::label(device_name).map_err(|reason| Error::Text {
            field: "device_name",
            reason,
        })?;
        let user = users::find_by_email(self.db.read(), email.key()).await?;
        let attempt = self.begin_attempt(ctx, &email, user.as_ref()).await?;
        let stored = user.as_ref().map(|user| user.password_hash.clone());
        let is_right = match self.hashing.verify(password, stored).await {
            Ok(is_right) => is_right,
            Err(error) => {
                attempt.undo().await;
                return Err(error.into());
            }
        };
        match user {
            Some(user) if is_right => {
                let pair = self.open_session(ctx, user, device_name).await?;
                attempt.succeeded().await;
                Ok(pair)
            }
            user => {
                self.record_refusal(ctx, user.as_ref(), AuditAction::LoginFailed);
                Err(Error::CredentialsInvalid)
            }
        }
    }

    async fn begin_attempt(
        self: &Arc<Self>,
        ctx: &Ctx,
        email: &EmailAddress,
        user: Option<&user::Model>,
    ) -> Result<Attempt, Error> {
        let network = ctx.client_address.map(Network::of);
        let is_known_network = match (user, network) {
            (Some(user), Some(network)) => {
                let network = network.to_string();
                known_networks::knows(self.db.read(), user.id, &network).await?
            }
            _ => false,
        };
        let begun = self
            .backoff
            .begin(email.key(), network, is_known_network, self.now())
            .await;
        match begun {
            Ok(attempt) => Ok(attempt),
            Err(TooEarly { wait, is_first }) => {
                if is_first {
                    self.record_refusal(ctx, user, AuditAction::LoginDelayed);
                }
                Err(Error::LoginBackoff { wait })
            }
        }
    }

    async fn open_session(
        &self,
        ctx: &Ctx,
        user: user::Model,
        device_name: String,
    ) -> Result<TokenPair, Error> {
        let now = self.now();
        let expire_time = now + self.lifetimes.login_session;
        let session = login_session::Model {
            id: LoginSessionId::new(),
            user_id: user.id,
            device_name,
            client_network: ctx.client_address.map(|a| Network::of(a).to_string()),
            create_time: now,
            last_use_time: now,
            idle_expire_time: self.idle_expiry(expire_time, now),
            expire_time,
            end_time: None,
        };
        let (pair, token) = self.first_pair(&user, &session, now)?;
        let (session, token, user_id) = (&session, &token, user.id);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    login_sessions::insert(tx, session.clone()).await?;
                    refresh_tokens::insert(tx, token.clone()).await?;
                    if let Some(network) = &session.client_network {
                        known_networks::note(tx, user_id, network, now).await?;
                    }
                    let (action, id) = (AuditAction::LoggedIn, Some(session.id));
                    audit_events::record(tx, ctx, now, action, user_id, id).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(pair)
    }

    /// Records a refusal in a task of its own: the answer for an account must not take longer than the answer for an
    /// address without one, of which nothing is kept.
    fn record_refusal(
        self: &Arc<Self>,
        ctx: &Ctx,
        user: Option<&user::Model>,
        action: AuditAction,
    ) {
        let Some(user_id) = user.map(|user| user.id) else {
            tracing::info!(?action, "login refused: the address has no account");
            return;
        };
        let (this, ctx, now) = (self.clone(), ctx.clone(), self.now());
        let recording = async move {
            let ctx = &ctx;
            let recorded = this
                .db
                .transaction(|tx| {
                    Box::pin(async move {
                        audit_events::record(tx, ctx, now, action, user_id, None).await?;
                        Ok::<_, DbErr>(())
                    })
                })
                .await;
            if let Err(error) = recorded {
                tracing::error!(%error, "a refused login could not be recorded");
            }
        };
        self.tasks.spawn(recording.in_current_span());
    }
}
