//! Takes one message out of the tree, so that what follows it follows the message before.

use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr, UpdateStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use super::messages;
use super::subtree::{ids, subtree};
use crate::domain::message::Author;
use crate::infrastructure::tables::message::{Column, Entity, Model};

/// Gives what follows a message to the one before it, in the message's place among its swipes. The message itself stays, with
/// nothing behind it, and the places of the swipes leave none for it.
pub(crate) async fn take_out(db: &impl ConnectionTrait, message: &Model) -> Result<(), DbErr> {
    let followers = messages::list_siblings(db, message.session_id, Some(message.id)).await?;
    move_up(db, message).await?;
    let more = i32::try_from(followers.len()).unwrap_or(i32::MAX) - 1;
    shift_swipes(db, message, more).await?;
    for (place, follower) in (message.swipe_index..).zip(followers) {
        let update = Entity::update_many()
            .col_expr(Column::SwipeIndex, Expr::val(place))
            .filter(Column::Id.eq(follower.id));
        update.exec(db).await?;
    }
    let update = Entity::update_many()
        .col_expr(Column::ParentId, Expr::val(message.parent_id))
        .filter(Column::SessionId.eq(message.session_id))
        .filter(Column::ParentId.eq(message.id));
    update.exec(db).await.map(drop)
}

/// All that follows a message is one message nearer to the root, and no jump leads to the message.
async fn move_up(db: &impl ConnectionTrait, message: &Model) -> Result<(), DbErr> {
    let own = i32::from(message.author == Author::Character);
    let depth = || Expr::col(Column::JumpDepth);
    let jumps_here = Expr::col(Column::JumpId).eq(message.id);
    let jump_id = Expr::case(jumps_here.clone(), Expr::val(message.parent_id))
        .finally(Expr::col(Column::JumpId));
    let no_depth = Expr::val(message.parent_id.is_none()).and(jumps_here);
    let jump_depth: SimpleExpr = Expr::case(no_depth, Expr::val(None::<i32>))
        .case(depth().gte(message.depth), depth().sub(1))
        .finally(depth())
        .into();
    let mut update = UpdateStatement::new();
    update
        .table(Entity)
        .value(Column::Depth, Expr::col(Column::Depth).sub(1))
        .value(
            Column::CharacterCount,
            Expr::col(Column::CharacterCount).sub(own),
        )
        .value(Column::JumpId, jump_id)
        .value(Column::JumpDepth, jump_depth);
    update.and_where(Expr::col(Column::Id).in_subquery(ids()));
    update.and_where(Expr::col(Column::Id).ne(message.id));
    let update = subtree(message.session_id, message.id).query(update);
    db.execute(&update).await.map(drop)
}

/// Moves the swipes behind a message.
async fn shift_swipes(db: &impl ConnectionTrait, message: &Model, by: i32) -> Result<(), DbErr> {
    let of_parent = match message.parent_id {
        Some(parent) => Column::ParentId.eq(parent),
        None => Column::ParentId.is_null(),
    };
    let update = Entity::update_many()
        .col_expr(Column::SwipeIndex, Expr::col(Column::SwipeIndex).add(by))
        .filter(Column::SessionId.eq(message.session_id))
        .filter(of_parent)
        .filter(Column::SwipeIndex.gt(message.swipe_index));
    update.exec(db).await.map(drop)
}
