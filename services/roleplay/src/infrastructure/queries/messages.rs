//! Messages of a session that the caller was found to own.

use std::collections::HashMap;

use platform::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Select,
};
use storage::database::Transaction;

use super::{counted, stored};
use crate::domain::generation::State;
use crate::domain::ids::{GenerationId, MessageId, SessionId};
use crate::domain::message::{Author, Message};
use crate::infrastructure::tables::generation;
use crate::infrastructure::tables::message::{Column, Entity, Model};

/// Rows that one statement stores: a server takes so many values.
const ROWS_AT_ONCE: usize = 500;

/// The messages of a session.
pub(crate) fn of_session(session: SessionId) -> Select<Entity> {
    Entity::find().filter(Column::SessionId.eq(session))
}

/// A message of a session, if it has it.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    session: SessionId,
    id: MessageId,
) -> Result<Option<Model>, DbErr> {
    of_session(session).filter(Column::Id.eq(id)).one(db).await
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
        speaker_name: model.speaker_name,
        text: model.text,
        state: model.state,
        depth: counted(model.depth),
        character_count: counted(model.character_count),
        swipe_index: counted(model.swipe_index),
        swipe_count,
        generation_id: model.generation_id,
        create_time: model.create_time,
        edit_time: model.edit_time,
    }
}

/// A message to store.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage {
    /// Its id.
    pub(crate) id: MessageId,
    /// Who says it.
    pub(crate) author: Author,
    /// The author's name.
    pub(crate) speaker_name: String,
    /// The text.
    pub(crate) text: String,
    /// The generation that writes it, if one does.
    pub(crate) generation_id: Option<GenerationId>,
    /// When it is made.
    pub(crate) create_time: Timestamp,
}

/// Stores a message after `parent`, as its last swipe.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    session: SessionId,
    parent: Option<&Model>,
    new: NewMessage,
) -> Result<Model, DbErr> {
    let place = Place::last_of(db, session, parent).await?;
    let model = placed(session, parent, place, new);
    Entity::insert(model.clone().into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(model)
}

/// Stores the greetings of a new session, each as a swipe of the first, and gives them as they are stored.
pub(crate) fn insert_greetings(
    tx: &Transaction<'_>,
    session: SessionId,
    greetings: &[NewMessage],
) -> Vec<Model> {
    let models: Vec<Model> = (0..)
        .zip(greetings)
        .map(|(swipe_index, greeting)| {
            let place = Place {
                swipe_index,
                jump: None,
            };
            placed(session, None, place, greeting.clone())
        })
        .collect();
    for some in models.chunks(ROWS_AT_ONCE) {
        let rows = some.iter().map(|model| model.clone().into_active_model());
        tx.put_off(Entity::insert_many(rows));
    }
    models
}

/// Stores a message as [`insert`] does, and its first answer with it.
pub(crate) async fn insert_with_answer(
    db: &Transaction<'_>,
    session: SessionId,
    parent: Option<&Model>,
    new: NewMessage,
    answer: NewMessage,
) -> Result<(Model, Model), DbErr> {
    let place = Place::last_of(db, session, parent).await?;
    let model = placed(session, parent, place, new);
    let place = Place {
        swipe_index: 0,
        jump: Some(jump(db, &model, parent).await?),
    };
    let answer = placed(session, Some(&model), place, answer);
    let rows = [&model, &answer].map(|model| model.clone().into_active_model());
    db.put_off(Entity::insert_many(rows));
    Ok((model, answer))
}

/// Where a message stands among the others.
struct Place {
    swipe_index: u32,
    /// The ancestor that it jumps to, with that one's depth.
    jump: Option<(MessageId, i32)>,
}

impl Place {
    /// After a message, and after all that follow it already.
    async fn last_of(
        db: &impl ConnectionTrait,
        session: SessionId,
        parent: Option<&Model>,
    ) -> Result<Self, DbErr> {
        let siblings = siblings(session, parent.map(|parent| parent.id));
        let swipe_index = siblings.count(db).await?;
        Ok(Self {
            swipe_index: u32::try_from(swipe_index).unwrap_or(u32::MAX),
            jump: match parent {
                Some(parent) => Some(jump(db, parent, None).await?),
                None => None,
            },
        })
    }
}

fn placed(session: SessionId, parent: Option<&Model>, place: Place, new: NewMessage) -> Model {
    let state = if new.generation_id.is_some() {
        State::Running
    } else {
        State::Completed
    };
    let is_character = i32::from(new.author == Author::Character);
    Model {
        id: new.id,
        session_id: session,
        parent_id: parent.map(|parent| parent.id),
        author: new.author,
        speaker_name: new.speaker_name,
        text: new.text,
        state,
        depth: parent.map_or(0, |parent| parent.depth + 1),
        character_count: parent.map_or(0, |parent| parent.character_count) + is_character,
        swipe_index: stored(place.swipe_index),
        last_head_id: None,
        generation_id: new.generation_id,
        jump_id: place.jump.map(|(id, _)| id),
        jump_depth: place.jump.map(|(_, depth)| depth),
        create_time: new.create_time,
        edit_time: None,
    }
}

/// Where a message after `parent` jumps to. Jumps that double as long as two of one length follow one another bring every
/// ancestor within a logarithm of steps, and cost a message one look-up, or none where `parent` jumps to the one that is `known`.
async fn jump(
    db: &impl ConnectionTrait,
    parent: &Model,
    known: Option<&Model>,
) -> Result<(MessageId, i32), DbErr> {
    let near = (parent.id, parent.depth);
    let (Some(id), Some(depth)) = (parent.jump_id, parent.jump_depth) else {
        return Ok(near);
    };
    let next: Option<(Option<MessageId>, Option<i32>)> =
        if let Some(known) = known.filter(|known| known.id == id) {
            Some((known.jump_id, known.jump_depth))
        } else {
            Entity::find_by_id(id)
                .select_only()
                .columns([Column::JumpId, Column::JumpDepth])
                .into_tuple()
                .one(db)
                .await?
        };
    Ok(match next {
        Some((Some(far), Some(far_depth))) if parent.depth - depth == depth - far_depth => {
            (far, far_depth)
        }
        _ => near,
    })
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
        .col_expr(Column::Text, Expr::val(text))
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
        .col_expr(Column::Text, Expr::val(text))
        .col_expr(Column::EditTime, Expr::val(now))
        .filter(Column::Id.eq(id));
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
