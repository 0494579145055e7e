//! What happened to accounts. Rows are added and read, never changed.

use platform::Timestamp;
use platform::id::{LoginSessionId, UserId};
use sea_orm::entity::prelude::*;

platform::id!(
    /// An audit event.
    pub AuditEventId, "aud"
);

/// An audit event.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditEventId,
    pub user_id: UserId,
    /// A number of `AuditAction`.
    pub action: i32,
    pub create_time: Timestamp,
    pub client_address: Option<String>,
    pub login_session_id: Option<LoginSessionId>,
    pub request_id: String,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
