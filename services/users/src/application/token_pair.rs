//! The access token and the refresh token of a login session.

use std::sync::Arc;
use std::time::Duration;

use mesh::token::{AUDIENCE, Claims, ISSUER};
use platform::Timestamp;
use platform::id::{AccessTokenId, LoginSessionId, UserId};

use super::{Accounts, Error};
use crate::infrastructure::refresh_secret;
use crate::infrastructure::tables::refresh_token::{Model, RefreshTokenId};
use crate::infrastructure::tables::{login_session, user};

/// How far a verifier's clock may be behind ours.
const CLOCK_SKEW_SECS: i64 = 5;

/// What a client gets.
#[derive(Clone)]
pub(crate) struct TokenPair {
    pub(crate) access_token: String,
    pub(crate) access_expires_in: Duration,
    pub(crate) refresh_token: String,
    pub(crate) refresh_expire_time: Timestamp,
    pub(crate) login_session_id: LoginSessionId,
    pub(crate) user_id: UserId,
}

impl std::fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenPair")
            .field("login_session_id", &self.login_session_id)
            .finish_non_exhaustive()
    }
}

impl Accounts {
    /// A pair for a login session, and the row that remembers it.
    pub(super) fn new_pair(
        &self,
        user: &user::Model,
        session: &login_session::Model,
        now: Timestamp,
    ) -> Result<(TokenPair, Model), Error> {
        let access_token_id = AccessTokenId::new();
        let session_ends_in = session.expire_time.since(now);
        let access_expires_in = self.lifetimes.access_token.min(session_ends_in);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.id.to_string(),
            sid: session.id.to_string(),
            jti: access_token_id.to_string(),
            iat: now.secs(),
            nbf: now.secs() - CLOCK_SKEW_SECS,
            exp: (now + access_expires_in).secs(),
            admin: user.is_admin,
        };
        let signed = self.keys.sign(&claims);
        let refresh_token = refresh_secret::generate();
        let row = Model {
            id: RefreshTokenId::new(),
            login_session_id: session.id,
            token_hash: refresh_secret::hash(&refresh_token).to_vec(),
            access_token_id,
            access_use_time: None,
            create_time: now,
            expire_time: self.idle_expiry(session.expire_time, now),
            spend_time: None,
            successor_id: None,
            revoke_time: None,
        };
        let pair = TokenPair {
            access_token: signed.map_err(|error| Error::Signing(Arc::new(error)))?,
            access_expires_in,
            refresh_token,
            refresh_expire_time: row.expire_time,
            login_session_id: session.id,
            user_id: user.id,
        };
        Ok((pair, row))
    }

    /// When tokens renewed now expire unless they are used: never after their login session.
    pub(super) fn idle_expiry(&self, session_expires: Timestamp, now: Timestamp) -> Timestamp {
        (now + self.lifetimes.refresh_token).min(session_expires)
    }
}
