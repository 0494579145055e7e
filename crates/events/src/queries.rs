//! What is asked of the tables of events.

use std::collections::HashSet;

use platform::Timestamp;
use platform::id::EventId;
use sea_orm::sea_query::{Expr, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::tables::{dead_letter, inbox, mark, outbox};

/// The first events that aren't sent, in the order they were written. By what they are and not from where the last look
/// ended: a transaction that took long commits behind others with higher numbers.
pub(super) async fn unsent(
    db: &impl ConnectionTrait,
    limit: u64,
) -> Result<Vec<outbox::Model>, DbErr> {
    let unsent = outbox::Entity::find()
        .filter(outbox::Column::SentTime.is_null())
        .order_by_asc(outbox::Column::Seq);
    unsent.limit(limit).all(db).await
}

/// Notes that events are sent.
pub(super) async fn mark_sent(
    db: &impl ConnectionTrait,
    seqs: &[i64],
    now: Timestamp,
) -> Result<(), DbErr> {
    let update = outbox::Entity::update_many()
        .col_expr(outbox::Column::SentTime, Expr::val(now))
        .filter(outbox::Column::Seq.is_in(seqs.iter().copied()));
    update.exec(db).await.map(drop)
}

/// Deletes events that consumers are through with.
pub(super) async fn remove(db: &impl ConnectionTrait, seqs: &[i64]) -> Result<(), DbErr> {
    let delete =
        outbox::Entity::delete_many().filter(outbox::Column::Seq.is_in(seqs.iter().copied()));
    delete.exec(db).await.map(drop)
}

/// Takes back that events were sent, for at most `limit` of them. False once there is none left.
pub(super) async fn unmark_sent(db: &impl ConnectionTrait, limit: u64) -> Result<bool, DbErr> {
    let mut some = Query::select();
    some.column(outbox::Column::Seq).from(outbox::Entity);
    some.and_where(outbox::Column::SentTime.is_not_null())
        .limit(limit);
    let update = outbox::Entity::update_many()
        .col_expr(outbox::Column::SentTime, Expr::val(None::<Timestamp>))
        .filter(outbox::Column::Seq.in_subquery(some));
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Deletes at most `limit` events that were sent before a time. False once there is none left.
pub(super) async fn forget_sent(
    db: &impl ConnectionTrait,
    before: Timestamp,
    limit: u64,
) -> Result<bool, DbErr> {
    let mut some = Query::select();
    some.column(outbox::Column::Seq).from(outbox::Entity);
    some.and_where(outbox::Column::SentTime.lt(before))
        .limit(limit);
    let delete = outbox::Entity::delete_many().filter(outbox::Column::Seq.in_subquery(some));
    Ok(delete.exec(db).await?.rows_affected > 0)
}

/// Whether an event had its effect on a consumer.
pub(super) async fn is_handled(
    db: &impl ConnectionTrait,
    consumer: &str,
    event: EventId,
) -> Result<bool, DbErr> {
    let row = inbox::Entity::find_by_id((consumer.to_owned(), event));
    Ok(row.one(db).await?.is_some())
}

/// Notes that an event has its effect on a consumer, at a time or with one that keeps the note for good. False if it had it
/// before.
pub(super) async fn note_handled(
    db: &impl ConnectionTrait,
    consumer: &str,
    event: EventId,
    time: Timestamp,
) -> Result<bool, DbErr> {
    let row = inbox::Model {
        consumer: consumer.to_owned(),
        event_id: event,
        time,
    };
    let known = OnConflict::columns([inbox::Column::Consumer, inbox::Column::EventId])
        .do_nothing()
        .to_owned();
    let insert = inbox::Entity::insert(row.into_active_model())
        .on_conflict(known)
        .exec_without_returning(db);
    Ok(insert.await? > 0)
}

/// Which of these events had their effect on a consumer.
pub(super) async fn which_are_handled(
    db: &impl ConnectionTrait,
    consumer: &str,
    events: Vec<EventId>,
) -> Result<HashSet<EventId>, DbErr> {
    let select = inbox::Entity::find()
        .select_only()
        .column(inbox::Column::EventId)
        .filter(inbox::Column::Consumer.eq(consumer))
        .filter(inbox::Column::EventId.is_in(events));
    let known: Vec<EventId> = select.into_tuple().all(db).await?;
    Ok(known.into_iter().collect())
}

/// Notes that events have their effect on a consumer, each with its time. False if one had it before.
pub(super) async fn note_all_handled(
    db: &impl ConnectionTrait,
    consumer: &str,
    notes: &[(EventId, Timestamp)],
) -> Result<bool, DbErr> {
    let rows = notes.iter().map(|(event_id, time)| {
        let row = inbox::Model {
            consumer: consumer.to_owned(),
            event_id: *event_id,
            time: *time,
        };
        row.into_active_model()
    });
    let known = OnConflict::columns([inbox::Column::Consumer, inbox::Column::EventId])
        .do_nothing()
        .to_owned();
    let insert = inbox::Entity::insert_many(rows)
        .on_conflict(known)
        .exec_without_returning(db);
    Ok(insert.await? == notes.len() as u64)
}

/// Deletes at most `limit` notes of a consumer from before a time. False once there is none left.
pub(super) async fn forget_handled(
    db: &impl ConnectionTrait,
    consumer: &str,
    before: Timestamp,
    limit: u64,
) -> Result<bool, DbErr> {
    let some = inbox::Entity::find()
        .filter(inbox::Column::Consumer.eq(consumer))
        .filter(inbox::Column::Time.lt(before))
        .limit(limit);
    let rows = some.all(db).await?;
    let delete = inbox::Entity::delete_many()
        .filter(inbox::Column::Consumer.eq(consumer))
        .filter(inbox::Column::EventId.is_in(rows.iter().map(|row| row.event_id)));
    delete.exec(db).await?;
    Ok(!rows.is_empty())
}

/// Deletes a consumer's notes of events that can't come again. Those of dead letters stay: they can. So do those that are kept
/// for good.
pub(super) async fn let_go(
    db: &impl ConnectionTrait,
    consumer: &str,
    events: &[EventId],
) -> Result<(), DbErr> {
    let mut dead = Query::select();
    dead.column(dead_letter::Column::EventId)
        .from(dead_letter::Entity)
        .and_where(dead_letter::Column::Consumer.eq(consumer));
    let delete = inbox::Entity::delete_many()
        .filter(inbox::Column::Consumer.eq(consumer))
        .filter(inbox::Column::EventId.is_in(events.iter().copied()))
        .filter(inbox::Column::EventId.not_in_subquery(dead))
        .filter(inbox::Column::Time.ne(inbox::KEPT));
    delete.exec(db).await.map(drop)
}

/// The time under a name, if there is one.
pub(super) async fn find_mark(
    db: &impl ConnectionTrait,
    name: &str,
) -> Result<Option<Timestamp>, DbErr> {
    let mark = mark::Entity::find_by_id(name.to_owned()).one(db).await?;
    Ok(mark.map(|mark| mark.time))
}

/// Puts a time under a name, in the place of another.
pub(super) async fn set_mark(
    db: &impl ConnectionTrait,
    name: &str,
    time: Timestamp,
) -> Result<(), DbErr> {
    let mark = mark::Model {
        name: name.to_owned(),
        time,
    };
    let newer = OnConflict::column(mark::Column::Name)
        .update_column(mark::Column::Time)
        .to_owned();
    mark::Entity::insert(mark.into_active_model())
        .on_conflict(newer)
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// Puts an event aside, in the place of an earlier failure of the same.
pub(super) async fn bury(
    db: &impl ConnectionTrait,
    letter: dead_letter::Model,
) -> Result<(), DbErr> {
    use dead_letter::Column;
    let again = OnConflict::columns([Column::Consumer, Column::EventId])
        .update_columns([
            Column::Problem,
            Column::Tries,
            Column::DeadTime,
            Column::ReplayTime,
        ])
        .to_owned();
    dead_letter::Entity::insert(letter.into_active_model())
        .on_conflict(again)
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// The dead letters of a consumer for which somebody asked for another try.
pub(super) async fn to_replay(
    db: &impl ConnectionTrait,
    consumer: &str,
    limit: u64,
) -> Result<Vec<dead_letter::Model>, DbErr> {
    let asked = dead_letter::Entity::find()
        .filter(dead_letter::Column::Consumer.eq(consumer))
        .filter(dead_letter::Column::ReplayTime.is_not_null())
        .order_by_asc(dead_letter::Column::Time);
    asked.limit(limit).all(db).await
}

/// Deletes a dead letter that was handled after all, unless it was put aside again since it was asked for.
pub(super) async fn unbury(
    db: &impl ConnectionTrait,
    consumer: &str,
    event: EventId,
    asked: Option<Timestamp>,
) -> Result<(), DbErr> {
    let letter = dead_letter::Entity::delete_by_id((consumer.to_owned(), event))
        .filter(dead_letter::Column::ReplayTime.eq(asked));
    letter.exec(db).await.map(drop)
}

/// How many events aren't sent, and when the oldest of them was written; of what is told again nobody knows that.
pub(super) async fn waiting(db: &impl ConnectionTrait) -> Result<(u64, Option<Timestamp>), DbErr> {
    let unsent = || outbox::Entity::find().filter(outbox::Column::SentTime.is_null());
    let count = unsent().count(db).await?;
    let first = unsent().filter(outbox::Column::IsRetold.eq(false));
    let oldest = first.order_by_asc(outbox::Column::Seq).one(db).await?;
    Ok((count, oldest.map(|row| row.time)))
}

/// How many dead letters there are.
pub(super) async fn count_dead(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    dead_letter::Entity::find().count(db).await
}

/// All dead letters, oldest first.
pub(super) async fn dead_letters(
    db: &impl ConnectionTrait,
) -> Result<Vec<dead_letter::Model>, DbErr> {
    let letters = dead_letter::Entity::find().order_by_asc(dead_letter::Column::DeadTime);
    letters.all(db).await
}

/// Asks for another try of a dead event, or of all that nobody has asked for. Returns how many there are.
pub(super) async fn ask_for_replay(
    db: &impl ConnectionTrait,
    event: Option<EventId>,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let mut ask = dead_letter::Entity::update_many()
        .col_expr(dead_letter::Column::ReplayTime, Expr::val(now))
        .filter(dead_letter::Column::ReplayTime.is_null());
    if let Some(event) = event {
        ask = ask.filter(dead_letter::Column::EventId.eq(event));
    }
    Ok(ask.exec(db).await?.rows_affected)
}
