//! Messages that have words, in all sessions that a person takes part in or in one.

use sea_orm::sea_query::{Expr, Func, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, Order, QueryFilter, QueryOrder,
};

use crate::domain::ids::{MessageId, SessionId, UserId};
use crate::domain::search::Word;
use crate::infrastructure::queries::participation::sessions_of;
use crate::infrastructure::queries::words::has_word;
use crate::infrastructure::tables::message::{Column, Entity, Model};
use crate::infrastructure::tables::session;

/// What to look for.
#[derive(Debug, Clone)]
pub(crate) struct Sought {
    /// All of them must be in the text.
    pub(crate) words: Vec<Word>,
    /// In this session alone.
    pub(crate) session: Option<SessionId>,
    /// Among the messages that are older than this one.
    pub(crate) before: Option<MessageId>,
}

/// At most `limit` messages in the sessions that a person takes part in, newest first: their ids with their lengths.
pub(crate) async fn having(
    db: &impl ConnectionTrait,
    user: UserId,
    sought: &Sought,
    limit: u64,
) -> Result<Vec<(MessageId, i64)>, DbErr> {
    let column = |column: Column| Expr::col((Entity, column));
    let length = Func::char_length(column(Column::Text));
    let mut select = Query::select();
    select
        .column((Entity, Column::Id))
        .expr_as(Expr::from(length).cast_as("bigint"), "length")
        .from(session::Entity)
        // In this order: so the sessions of a person are looked through, and not the messages of all.
        .cross_join(Entity)
        .and_where(Expr::col((session::Entity, session::Column::Id)).in_subquery(sessions_of(user)))
        .and_where(column(Column::SessionId).equals((session::Entity, session::Column::Id)))
        .and_where(column(Column::Discarded).eq(false));
    if let Some(id) = sought.session {
        select.and_where(Expr::col((session::Entity, session::Column::Id)).eq(id));
    }
    if let Some(before) = sought.before {
        select.and_where(column(Column::Id).lt(before));
    }
    for word in &sought.words {
        let (folded, text) = (column(Column::SearchText), column(Column::Text));
        select.and_where(has_word(folded, text, word));
    }
    select
        .order_by((Entity, Column::Id), Order::Desc)
        .limit(limit);
    let rows = db.query_all(&select).await?;
    rows.iter()
        .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
        .collect()
}

/// These messages, newest first.
pub(crate) async fn load(
    db: &impl ConnectionTrait,
    ids: Vec<MessageId>,
) -> Result<Vec<Model>, DbErr> {
    let select = Entity::find()
        .filter(Column::Id.is_in(ids))
        .order_by_desc(Column::Id);
    select.all(db).await
}
