//! The access token and the refresh token of a login session.

use std::sync::Arc;

use mesh::token::{AUDIENCE, Claims, ISSUER};
use platform::Timestamp;
use platform::id::{AccessTokenId, LoginSessionId, UserId};

use super::{Accounts, Error};
use crate::infrastructure::refresh_secret;
use crate::infrastructure::tables::refresh_token::{Model, RefreshTokenId};
use crate::infrastructure::tables::{login_session, user};

/// What a client gets.
#[derive(Clone)]
pub(crate) struct TokenPair {
    pub(crate) access_token: String,
    pub(crate) access_expire_time: Timestamp,
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
    /// The first pair of a login session, and the row that remembers it.
    pub(super) fn first_pair(
        &self,
        user: &user::Model,
        session: &login_session::Model,
        now: Timestamp,
    ) -> Result<(TokenPair, Model), Error> {
        let text = refresh_secret::generate();
        self.new_pair(user, session, RefreshTokenId::new(), text, now)
    }

    /// The pair that a refresh token is exchanged for, and the row that remembers it.
    pub(super) fn next_pair(
        &self,
        user: &user::Model,
        session: &login_session::Model,
        spent: &str,
        now: Timestamp,
    ) -> Result<(TokenPair, Model), Error> {
        let id = RefreshTokenId::new();
        let text = refresh_secret::successor(&self.refresh_key, spent, id);
        self.new_pair(user, session, id, text, now)
    }

    /// The pair that a row remembers, once more. Nothing where the refresh token that it was exchanged for was another, or
    /// its own can't be told.
    pub(super) fn same_pair(
        &self,
        user: &user::Model,
        session: &login_session::Model,
        row: &Model,
        spent: &str,
    ) -> Result<Option<TokenPair>, Error> {
        let text = refresh_secret::successor(&self.refresh_key, spent, row.id);
        if refresh_secret::hash(&text).as_slice() != row.token_hash {
            return Ok(None);
        }
        self.pair_of(user, session, row, text).map(Some)
    }

    fn new_pair(
        &self,
        user: &user::Model,
        session: &login_session::Model,
        id: RefreshTokenId,
        text: String,
        now: Timestamp,
    ) -> Result<(TokenPair, Model), Error> {
        let row = Model {
            id,
            login_session_id: session.id,
            token_hash: refresh_secret::hash(&text).to_vec(),
            access_token_id: AccessTokenId::new(),
            access_use_time: None,
            create_time: now,
            expire_time: self.idle_expiry(session.expire_time, now),
            spend_time: None,
            successor_id: None,
            revoke_time: None,
        };
        let pair = self.pair_of(user, session, &row, text)?;
        Ok((pair, row))
    }

    /// What a client gets of a row: all but the text of the refresh token follows from it.
    fn pair_of(
        &self,
        user: &user::Model,
        session: &login_session::Model,
        row: &Model,
        refresh_token: String,
    ) -> Result<TokenPair, Error> {
        let issued = row.create_time;
        let expires = issued
            + self
                .lifetimes
                .access_token
                .min(session.expire_time.since(issued));
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.id.to_string(),
            sid: session.id.to_string(),
            jti: row.access_token_id.to_string(),
            iat: issued.secs(),
            exp: expires.secs(),
            session_exp: Some(session.expire_time.secs()),
            admin: user.is_admin,
        };
        let signed = self.keys.sign(&claims);
        Ok(TokenPair {
            access_token: signed.map_err(|error| Error::Signing(Arc::new(error)))?,
            access_expire_time: Timestamp::from_micros(expires.secs() * 1_000_000),
            refresh_token,
            refresh_expire_time: row.expire_time,
            login_session_id: session.id,
            user_id: user.id,
        })
    }

    /// When tokens renewed now expire unless they are used: never after their login session.
    pub(super) fn idle_expiry(&self, session_expires: Timestamp, now: Timestamp) -> Timestamp {
        (now + self.lifetimes.refresh_token).min(session_expires)
    }
}
