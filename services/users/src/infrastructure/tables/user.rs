//! Accounts.

use platform::Timestamp;
use platform::id::UserId;
use sea_orm::entity::prelude::*;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    pub email: String,
    /// The address in the form that is compared.
    pub email_key: String,
    /// A PHC string.
    pub password_hash: String,
    pub display_name: String,
    pub bio: String,
    pub locale: String,
    pub is_admin: bool,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
