//! What was revoked lately, for the processes that share the database.

use platform::Timestamp;
use platform::id::{AccessTokenId, LoginSessionId};
use sea_orm::entity::prelude::*;

/// A login session that was ended, or an access token that was revoked alone.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revocations")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub seq: i64,
    pub login_session_id: Option<LoginSessionId>,
    pub access_token_id: Option<AccessTokenId>,
    pub create_time: Timestamp,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
