//! Memories of a session that the caller was found to own.

mod list;

use platform::Timestamp;
use sea_orm::sea_query::{Expr, Func, OnConflict, Query, SimpleExpr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult, IntoActiveModel,
    JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, RelationDef,
    Select,
};

use crate::domain::generation::State;
use crate::domain::ids::{MemoryId, MessageId, SessionId};
use crate::domain::memory::{MAX_REMEMBERED_CHARS, Memory, remembered};
use crate::domain::message::MessageKind;
use crate::domain::search;
use crate::infrastructure::tables::memory::{Column, Entity, Model};
use crate::infrastructure::tables::message;

/// What is read of a message: enough to see that there is more.
const READ_CHARS: i32 = MAX_REMEMBERED_CHARS as i32 + 100;
/// Most pinned memories and notes of a session that a prompt looks at.
const MAX_KEPT: u64 = 256;

pub(crate) use self::list::{Filter, list};

/// A memory with what its message says.
#[derive(Debug, FromQueryResult)]
struct Row {
    id: MemoryId,
    session_id: SessionId,
    message_id: Option<MessageId>,
    text: Option<String>,
    pinned: bool,
    disabled: bool,
    embedded_model: Option<String>,
    create_time: Timestamp,
    update_time: Timestamp,
    speaker_name: Option<String>,
    said: Option<String>,
    hidden: Option<bool>,
}

impl From<Row> for Memory {
    fn from(row: Row) -> Self {
        let rewritten = row.message_id.is_some() && row.text.is_some();
        let said = || {
            remembered(
                &row.speaker_name.unwrap_or_default(),
                &row.said.unwrap_or_default(),
            )
        };
        Self {
            id: row.id,
            session_id: row.session_id,
            message_id: row.message_id,
            text: row.text.unwrap_or_else(said),
            pinned: row.pinned,
            disabled: row.disabled,
            rewritten,
            hidden: row.hidden.unwrap_or(false),
            embedded_model: row.embedded_model,
            create_time: row.create_time,
            update_time: row.update_time,
        }
    }
}

fn its_message() -> RelationDef {
    Entity::belongs_to(message::Entity)
        .from(Column::MessageId)
        .to(message::Column::Id)
        .into()
}

/// The memories of a session that nobody deleted.
fn of_session(session: SessionId) -> Select<Entity> {
    all().filter(Column::SessionId.eq(session))
}

fn all() -> Select<Entity> {
    let said = Func::cust("SUBSTR")
        .arg(Expr::col((message::Entity, message::Column::Text)))
        .arg(1_i32)
        .arg(READ_CHARS);
    Entity::find()
        .join(JoinType::LeftJoin, its_message())
        .column(message::Column::SpeakerName)
        .column(message::Column::Hidden)
        .column_as(SimpleExpr::from(said), "said")
        .filter(Column::Forgotten.eq(false))
}

async fn read(db: &impl ConnectionTrait, select: Select<Entity>) -> Result<Vec<Memory>, DbErr> {
    let rows = select.into_model::<Row>().all(db).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// A memory of a session, if it has it.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    session: SessionId,
    id: MemoryId,
) -> Result<Option<Memory>, DbErr> {
    let select = of_session(session).filter(Column::Id.eq(id));
    Ok(read(db, select).await?.pop())
}

/// Those of these memories that a session has.
pub(crate) async fn list_of(
    db: &impl ConnectionTrait,
    session: SessionId,
    ids: impl IntoIterator<Item = MemoryId>,
) -> Result<Vec<Memory>, DbErr> {
    read(db, of_session(session).filter(Column::Id.is_in(ids))).await
}

/// Written so that the index on pinned ones serves.
fn is_pinned() -> SimpleExpr {
    Expr::col((Entity, Column::Pinned))
}

/// The pinned memories of a session that prompts may have, oldest first.
pub(crate) async fn pinned(
    db: &impl ConnectionTrait,
    session: SessionId,
) -> Result<Vec<Memory>, DbErr> {
    // A note has no message.
    let is_shown = Expr::col((message::Entity, message::Column::Hidden));
    let is_shown = Expr::from(Func::coalesce([is_shown, Expr::val(false)])).eq(false);
    let select = of_session(session)
        .filter(is_pinned())
        .filter(is_shown)
        .filter(Column::Disabled.eq(false));
    read(db, select.order_by_asc(Column::Id).limit(MAX_KEPT)).await
}

/// What a session has that prompts may have without a search, or only by one.
#[derive(Debug, FromQueryResult)]
pub(crate) struct Has {
    /// Pinned memories.
    pub(crate) pinned: bool,
    /// Notes that aren't pinned.
    pub(crate) notes: bool,
}

/// Whether a session has pinned memories, and notes.
pub(crate) async fn has(db: &impl ConnectionTrait, session: SessionId) -> Result<Has, DbErr> {
    let open = || {
        Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::SessionId.eq(session))
            .filter(Column::Disabled.eq(false))
    };
    let notes = open()
        .filter(Column::MessageId.is_null())
        .filter(Column::Pinned.eq(false));
    let pinned = open().filter(is_pinned());
    let select = Query::select()
        .expr_as(Expr::exists(pinned.into_query()), "pinned")
        .expr_as(Expr::exists(notes.into_query()), "notes")
        .to_owned();
    let row = db.query_one(&select).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("the answer of EXISTS".to_owned()))?;
    Has::from_query_result(&row, "")
}

/// Stores a note.
pub(crate) async fn insert_note(db: &impl ConnectionTrait, note: &Memory) -> Result<(), DbErr> {
    let model = Model {
        id: note.id,
        session_id: note.session_id,
        message_id: None,
        text: Some(note.text.clone()),
        search_text: search::kept(&note.text),
        pinned: note.pinned,
        disabled: note.disabled,
        forgotten: false,
        embedded_model: None,
        create_time: note.create_time,
        update_time: note.update_time,
    };
    Entity::insert(model.into_active_model())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// Remembers a message, unless it is remembered, or was and shall not be again.
pub(crate) async fn insert_of_message(
    db: &impl ConnectionTrait,
    session: SessionId,
    message: MessageId,
    now: Timestamp,
) -> Result<(), DbErr> {
    let model = Model {
        id: MemoryId::of_message(message),
        session_id: session,
        message_id: Some(message),
        text: None,
        search_text: None,
        pinned: false,
        disabled: false,
        forgotten: false,
        embedded_model: None,
        create_time: now,
        update_time: now,
    };
    Entity::insert(model.into_active_model())
        .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// Remembers all messages that have their text and aren't remembered, such as those of before there were memories.
pub(crate) async fn insert_missing(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    use message::Column as Said;
    let mut missing = Query::select();
    missing
        .column(Said::Id)
        .column(Said::SessionId)
        .column(Said::Id);
    missing.exprs([Expr::val(false), Expr::val(false), Expr::val(false)]);
    missing.column(Said::CreateTime).column(Said::CreateTime);
    missing.from(message::Entity);
    missing.and_where(Expr::col(Said::State).ne(State::Running));
    missing.and_where(Expr::col(Said::Text).ne(""));
    missing.and_where(Expr::col(Said::Kind).ne(MessageKind::OutOfCharacter));
    missing.and_where(Expr::col(Said::IsTemplate).eq(false));
    let mut remembered = Query::select();
    remembered.column(Column::Id).from(Entity);
    missing.and_where(Expr::col(Said::Id).not_in_subquery(remembered));
    let mut insert = Query::insert();
    insert.into_table(Entity).columns([
        Column::Id,
        Column::SessionId,
        Column::MessageId,
        Column::Pinned,
        Column::Disabled,
        Column::Forgotten,
        Column::CreateTime,
        Column::UpdateTime,
    ]);
    let selected = insert.select_from(missing);
    selected.map_err(|error| DbErr::Custom(error.to_string()))?;
    Ok(db.execute(&insert).await?.rows_affected())
}

/// What a person changed of a memory. `text` is what takes the place of the message's words.
pub(crate) async fn update(
    db: &impl ConnectionTrait,
    memory: &Memory,
    text: Option<String>,
) -> Result<(), DbErr> {
    let search_text = text.as_deref().and_then(search::kept);
    let update = Entity::update_many()
        .col_expr(Column::SearchText, Expr::val(search_text))
        .col_expr(Column::Text, Expr::val(text))
        .col_expr(Column::Pinned, Expr::val(memory.pinned))
        .col_expr(Column::Disabled, Expr::val(memory.disabled))
        .col_expr(Column::UpdateTime, Expr::val(memory.update_time))
        .filter(Column::Id.eq(memory.id));
    update.exec(db).await.map(drop)
}

/// Forgets a memory: a note for good, of a message so that it isn't remembered again.
pub(crate) async fn forget(db: &impl ConnectionTrait, memory: &Memory) -> Result<(), DbErr> {
    if memory.message_id.is_none() {
        return Entity::delete_by_id(memory.id).exec(db).await.map(drop);
    }
    let update = Entity::update_many()
        .col_expr(Column::Forgotten, Expr::val(true))
        .col_expr(Column::Pinned, Expr::val(false))
        .col_expr(Column::Text, Expr::val(None::<String>))
        .col_expr(Column::SearchText, Expr::val(None::<String>))
        .col_expr(Column::EmbeddedModel, Expr::val(None::<String>))
        .filter(Column::Id.eq(memory.id));
    update.exec(db).await.map(drop)
}

/// Writes of which model the vectors of memories are stored; none for no vectors.
pub(crate) async fn set_embedded(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = MemoryId>,
    model: Option<&str>,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::EmbeddedModel, Expr::val(model.map(str::to_owned)))
        .filter(Column::Id.is_in(ids))
        .filter(Column::Forgotten.eq(false));
    update.exec(db).await.map(drop)
}

/// Notes that no vectors are stored.
pub(crate) async fn set_none_embedded(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::EmbeddedModel, Expr::val(None::<String>))
        .filter(Column::EmbeddedModel.is_not_null());
    update.exec(db).await.map(drop)
}

/// At most `limit` memories of all sessions behind one, in the order of their ids.
pub(crate) async fn list_all(
    db: &impl ConnectionTrait,
    after: Option<MemoryId>,
    limit: u64,
) -> Result<Vec<Memory>, DbErr> {
    let mut select = all();
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after));
    }
    read(db, select.order_by_asc(Column::Id).limit(limit)).await
}

/// How many memories there are, and of how many vectors of a model are stored.
pub(crate) async fn count(db: &impl ConnectionTrait, model: &str) -> Result<(u64, u64), DbErr> {
    let kept = || Entity::find().filter(Column::Forgotten.eq(false));
    let embedded = kept().filter(Column::EmbeddedModel.eq(model));
    Ok((kept().count(db).await?, embedded.count(db).await?))
}
