//! Logins, each on one device.

use platform::Timestamp;
use platform::id::{LoginSessionId, UserId};
use sea_orm::entity::prelude::*;

/// A login.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "login_sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: LoginSessionId,
    pub user_id: UserId,
    pub device_name: String,
    /// Where the login came from: an IPv4 address or an IPv6 network.
    pub client_network: Option<String>,
    pub create_time: Timestamp,
    pub last_use_time: Timestamp,
    /// When it ends unless it is used before: the newest refresh token's expiry.
    pub idle_expire_time: Timestamp,
    /// When it ends at the latest.
    pub expire_time: Timestamp,
    /// When its owner or a replay ended it, or when it was noticed that it had lapsed.
    pub end_time: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
