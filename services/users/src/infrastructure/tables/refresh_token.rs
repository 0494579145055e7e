//! Refresh tokens, each with the access token that was given out beside it.

use platform::Timestamp;
use platform::id::{AccessTokenId, LoginSessionId};
use sea_orm::entity::prelude::*;

platform::id!(
    /// A refresh token.
    pub RefreshTokenId, "rft"
);

/// A refresh token.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RefreshTokenId,
    pub login_session_id: LoginSessionId,
    /// SHA-256 of the token.
    pub token_hash: Vec<u8>,
    pub access_token_id: AccessTokenId,
    /// When the access token was first seen in use.
    pub access_use_time: Option<Timestamp>,
    pub create_time: Timestamp,
    pub expire_time: Timestamp,
    /// When it was exchanged.
    pub spend_time: Option<Timestamp>,
    /// What took its place: the newest token that it was exchanged for, or the one that replaced it.
    pub successor_id: Option<RefreshTokenId>,
    /// When it was replaced, unused, by another successor of the token before it.
    pub revoke_time: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
