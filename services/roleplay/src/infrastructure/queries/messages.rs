//! Messages of a session that the caller was found to take part in.

mod find_words;
mod insert;

use std::collections::HashMap;

use platform::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use super::{counted, stored};
use crate::domain::generation::State;
use crate::domain::ids::{GenerationId, MessageId, ParticipantId, SessionId};
use crate::domain::message::{Author, Message};
use crate::domain::search;
use crate::infrastructure::tables::generation;
use crate::infrastructure::tables::message::{Column, Entity, Model};

pub(crate) use self::find_words::{Sought, having, load};
pub(crate) use self::insert::{NewMessage, insert, insert_greetings, insert_with_answer};

/// Ids in one statement: a server takes so many values.
const IDS_AT_ONCE: usize = 1_000;

/// The messages of a session, without those that were discarded.
pub(crate) fn of_session(session: SessionId) -> Select<Entity> {
    Entity::find()
        .filter(Column::SessionId.eq(session))
        .filter(Column::Discarded.eq(false))
}

/// A message of a session, if it has it.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    session: SessionId,
    id: MessageId,
) -> Result<Option<Model>, DbErr> {
    of_session(session).filter(Column::Id.eq(id)).one(db).await
}

/// The message that a generation writes or wrote, also where it was discarded then.
pub(crate) async fn find_written(
    db: &impl ConnectionTrait,
    session: SessionId,
    id: MessageId,
) -> Result<Option<Message>, DbErr> {
    let select = Entity::find_by_id(id).filter(Column::SessionId.eq(session));
    let Some(model) = select.one(db).await? else {
        return Ok(None);
    };
    Ok(whole(db, session, vec![model]).await?.pop())
}

/// As [`find`], with what only the siblings know.
pub(crate) async fn find_whole(
    db: &impl ConnectionTrait,
    session: SessionId,
    id: MessageId,
) -> Result<Option<Message>, DbErr> {
    let Some(model) = find(db, session, id).await? else {
        return Ok(None);
    };
    Ok(whole(db, session, vec![model]).await?.pop())
}

/// All messages after the same parent, in their order.
pub(crate) async fn list_siblings(
    db: &impl ConnectionTrait,
    session: SessionId,
    parent: Option<MessageId>,
) -> Result<Vec<Model>, DbErr> {
    siblings(session, parent)
        .order_by_asc(Column::SwipeIndex)
        .all(db)
        .await
}

/// At most `limit` messages after the same parent, in their order, from behind a place among them.
pub(crate) async fn list_swipes(
    db: &impl ConnectionTrait,
    session: SessionId,
    parent: Option<MessageId>,
    after: Option<u32>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut select = siblings(session, parent);
    if let Some(after) = after {
        select = select.filter(Column::SwipeIndex.gt(stored(after)));
    }
    let select = select.order_by_asc(Column::SwipeIndex).limit(limit);
    select.all(db).await
}

/// The message that a generation writes.
pub(crate) async fn written_by(
    db: &impl ConnectionTrait,
    session: SessionId,
    generation: GenerationId,
) -> Result<Option<MessageId>, DbErr> {
    let written = generation::Entity::find_by_id(generation)
        .filter(generation::Column::SessionId.eq(session));
    Ok(written
        .one(db)
        .await?
        .map(|generation| generation.message_id))
}

fn siblings(session: SessionId, parent: Option<MessageId>) -> Select<Entity> {
    let of_parent = match parent {
        Some(parent) => Column::ParentId.eq(parent),
        None => Column::ParentId.is_null(),
    };
    of_session(session).filter(of_parent)
}

/// Adds what only the siblings know, for all messages at once.
pub(crate) async fn whole(
    db: &impl ConnectionTrait,
    session: SessionId,
    models: Vec<Model>,
) -> Result<Vec<Message>, DbErr> {
    let parents: Vec<MessageId> = models.iter().filter_map(|model| model.parent_id).collect();
    let counts = of_session(session)
        .select_only()
        .column(Column::ParentId)
        .column_as(Column::Id.count(), "swipes")
        .filter(Column::ParentId.is_in(parents))
        .group_by(Column::ParentId)
        .into_tuple::<(Option<MessageId>, i64)>()
        .all(db)
        .await?;
    let mut counts: HashMap<_, _> = counts.into_iter().collect();
    // The first messages have no parent to be found by. Only the last page of a path holds one.
    if models.iter().any(|model| model.parent_id.is_none()) {
        let first = siblings(session, None).count(db).await?;
        counts.insert(None, i64::try_from(first).unwrap_or(i64::MAX));
    }
    let count = |parent| {
        counts
            .get(&parent)
            .and_then(|count| u32::try_from(*count).ok())
            .unwrap_or(1)
    };
    let messages = models.into_iter().map(|model| {
        let swipes = count(model.parent_id);
        message(model, swipes)
    });
    Ok(messages.collect())
}

/// A message that was just inserted, the last of its siblings.
pub(crate) fn newest(model: Model) -> Message {
    let swipes = u32::try_from(model.swipe_index).map_or(1, |index| index + 1);
    message(model, swipes)
}

fn message(model: Model, swipe_count: u32) -> Message {
    Message {
        id: model.id,
        session_id: model.session_id,
        parent_id: model.parent_id,
        author: model.author,
        participant_id: said_by(model.session_id, model.author, model.participant_id),
        persona_id: model.persona_id,
        character_id: model.character_id,
        kind: model.kind,
        speaker_name: model.speaker_name,
        text: model.text,
        state: model.state,
        hidden: model.hidden,
        depth: counted(model.depth),
        character_count: counted(model.character_count),
        swipe_index: counted(model.swipe_index),
        swipe_count,
        generation_id: model.generation_id,
        create_time: model.create_time,
        edit_time: model.edit_time,
        is_template: model.is_template,
    }
}

/// Which person said a message. Before 0013 there was one in a session.
fn said_by(
    session: SessionId,
    author: Author,
    participant: Option<ParticipantId>,
) -> Option<ParticipantId> {
    match author {
        Author::Person => Some(participant.unwrap_or(ParticipantId::of_opener(session))),
        Author::Character => None,
    }
}

/// Whose these messages of a session are.
pub(crate) async fn authors(
    db: &impl ConnectionTrait,
    session: SessionId,
    ids: &[MessageId],
) -> Result<Vec<(MessageId, Author, Option<ParticipantId>)>, DbErr> {
    let mut authors = Vec::with_capacity(ids.len());
    for some in ids.chunks(IDS_AT_ONCE) {
        let select = Entity::find()
            .select_only()
            .columns([Column::Id, Column::Author, Column::ParticipantId])
            .filter(Column::SessionId.eq(session))
            .filter(Column::Id.is_in(some.iter().copied()));
        let rows: Vec<(MessageId, Author, Option<ParticipantId>)> =
            select.into_tuple().all(db).await?;
        authors.extend(
            rows.into_iter().map(|(id, author, participant)| {
                (id, author, said_by(session, author, participant))
            }),
        );
    }
    Ok(authors)
}

/// Lets a generation continue a message.
pub(crate) async fn set_generating(
    db: &impl ConnectionTrait,
    id: MessageId,
    generation: GenerationId,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::State, Expr::val(State::Running))
        .col_expr(Column::GenerationId, Expr::val(generation))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// Stores what a generation made of a message.
pub(crate) async fn set_generated(
    db: &impl ConnectionTrait,
    id: MessageId,
    text: String,
    state: State,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::State, Expr::val(state))
        .col_expr(Column::SearchText, Expr::val(search::kept(&text)))
        .col_expr(Column::Text, Expr::val(text))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// Notes that a generation made nothing of a message, which nothing follows: it is in no list from now on.
pub(crate) async fn set_discarded(
    db: &impl ConnectionTrait,
    id: MessageId,
    state: State,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::State, Expr::val(state))
        .col_expr(Column::Discarded, Expr::val(true))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// Hides a message from models, or shows it to them again.
pub(crate) async fn set_hidden(
    db: &impl ConnectionTrait,
    id: MessageId,
    hidden: bool,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Hidden, Expr::val(hidden))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// Stores what a person made of a message.
pub(crate) async fn set_edited(
    db: &impl ConnectionTrait,
    id: MessageId,
    text: String,
    now: Timestamp,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::State, Expr::val(State::Completed))
        .col_expr(Column::SearchText, Expr::val(search::kept(&text)))
        .col_expr(Column::Text, Expr::val(text))
        .col_expr(Column::EditTime, Expr::val(now))
        .col_expr(Column::IsTemplate, Expr::val(false))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// Stores the last words of a greeting that has none.
pub(crate) async fn settle(
    db: &impl ConnectionTrait,
    session: SessionId,
    id: MessageId,
    text: &str,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::SearchText, Expr::val(search::kept(text)))
        .col_expr(Column::Text, Expr::val(text))
        .col_expr(Column::IsTemplate, Expr::val(false))
        .filter(Column::SessionId.eq(session))
        .filter(Column::Id.eq(id))
        .filter(Column::IsTemplate.eq(true));
    update.exec(db).await.map(drop)
}

/// Remembers where a branch ended that leaves the subtree of `id`.
pub(crate) async fn set_last_head(
    db: &impl ConnectionTrait,
    id: MessageId,
    head: MessageId,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::LastHeadId, Expr::val(head))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// Deletes a message that nothing follows; its generations go with it.
pub(crate) async fn delete(db: &impl ConnectionTrait, id: MessageId) -> Result<(), DbErr> {
    Entity::delete_by_id(id).exec(db).await.map(drop)
}

/// Moves the swipes behind a deleted one up.
pub(crate) async fn close_gap(db: &impl ConnectionTrait, deleted: &Model) -> Result<(), DbErr> {
    let of_parent = match deleted.parent_id {
        Some(parent) => Column::ParentId.eq(parent),
        None => Column::ParentId.is_null(),
    };
    let update = Entity::update_many()
        .col_expr(Column::SwipeIndex, Expr::col(Column::SwipeIndex).sub(1))
        .filter(Column::SessionId.eq(deleted.session_id))
        .filter(of_parent)
        .filter(Column::SwipeIndex.gt(deleted.swipe_index));
    update.exec(db).await.map(drop)
}
