//! Where people logged in from, for as long as it tells them from strangers.

use platform::Timestamp;
use platform::id::UserId;
use sea_orm::entity::prelude::*;

/// A network that a person logged in from.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "known_networks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// An IPv4 address or an IPv6 network.
    #[sea_orm(primary_key, auto_increment = false)]
    pub network: String,
    /// When the person last logged in from there, to the day.
    pub login_time: Timestamp,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
