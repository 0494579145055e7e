//! Audit events: they are added and listed; nothing changes or deletes one.

use mesh::Ctx;
use platform::Timestamp;
use platform::id::{LoginSessionId, UserId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::domain::audit::AuditAction;
use crate::infrastructure::tables::audit_event::{AuditEventId, Column, Entity, Model};

/// Records that something happened in a call, in the transaction that makes it happen.
pub(crate) async fn record(
    db: &impl ConnectionTrait,
    ctx: &Ctx,
    now: Timestamp,
    action: AuditAction,
    user_id: UserId,
    login_session_id: Option<LoginSessionId>,
) -> Result<(), DbErr> {
    let event = Model {
        id: AuditEventId::new(),
        user_id,
        action: action.number(),
        create_time: now,
        client_address: ctx.client_address.map(|address| address.to_string()),
        login_session_id,
        request_id: ctx.request_id.to_string(),
    };
    Entity::insert(event.into_active_model())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// A person's events, newest first, from the one after `before` on.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    user_id: UserId,
    before: Option<AuditEventId>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut events = Entity::find().filter(Column::UserId.eq(user_id));
    if let Some(before) = before {
        events = events.filter(Column::Id.lt(before));
    }
    events.order_by_desc(Column::Id).limit(limit).all(db).await
}
