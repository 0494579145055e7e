//! Which sessions somebody takes part in: the one condition that all queries of a person share.
//!
//! The owner of a session always takes part, also where a release before 0013 opened it, which kept no participants.

use sea_orm::sea_query::{
    Condition, Expr, ExprTrait, IntoColumnRef, Query, SelectStatement, UnionType,
};

use crate::domain::ids::UserId;
use crate::infrastructure::tables::{participant, session};

/// The ids of all sessions that a person takes part in.
pub(super) fn sessions_of(user: UserId) -> SelectStatement {
    use participant::{Column, Entity};
    let mut owned = Query::select();
    owned.column(session::Column::Id).from(session::Entity);
    owned.and_where(Expr::col(session::Column::UserId).eq(user));
    let mut joined = Query::select();
    joined.column(Column::SessionId).from(Entity);
    joined.and_where(Expr::col(Column::UserId).eq(user));
    joined.and_where(Expr::col(Column::EndTime).is_null());
    joined.union(UnionType::Distinct, owned);
    joined
}

/// Whether a person takes part in the session that a column names: for rows that are found by other means.
pub(super) fn takes_part(user: UserId, session_id: impl IntoColumnRef + Clone) -> Condition {
    use participant::{Column, Entity};
    let column = |column| Expr::col((Entity, column));
    let mut joined = Query::select();
    joined.expr(Expr::val(1_i32)).from(Entity);
    joined.and_where(column(Column::SessionId).eq(Expr::col(session_id.clone())));
    joined.and_where(column(Column::UserId).eq(user));
    joined.and_where(column(Column::EndTime).is_null());
    let of_session = |column| Expr::col((session::Entity, column));
    let mut owned = Query::select();
    owned.expr(Expr::val(1_i32)).from(session::Entity);
    owned.and_where(of_session(session::Column::Id).eq(Expr::col(session_id)));
    owned.and_where(of_session(session::Column::UserId).eq(user));
    Condition::any()
        .add(Expr::exists(joined))
        .add(Expr::exists(owned))
}
