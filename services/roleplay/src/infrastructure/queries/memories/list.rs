//! Lists of a session's memories.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::{is_pinned, of_session, read};
use crate::domain::ids::{MemoryId, SessionId};
use crate::domain::memory::Memory;
use crate::domain::search::Word;
use crate::infrastructure::queries::words::has_word;
use crate::infrastructure::tables::memory::{Column, Entity};
use crate::infrastructure::tables::message;

/// Which memories of a session to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Those that hold all of these words.
    pub(crate) words: Vec<Word>,
    /// Those that are pinned.
    pub(crate) pinned_only: bool,
    /// Those that are older than this one.
    pub(crate) before: Option<MemoryId>,
}

/// At most `limit` memories of a session, newest first.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    session: SessionId,
    filter: Filter,
    limit: u64,
) -> Result<Vec<Memory>, DbErr> {
    let mut select = of_session(session);
    if filter.pinned_only {
        select = select.filter(is_pinned());
    }
    if let Some(before) = filter.before {
        select = select.filter(Column::Id.lt(before));
    }
    for word in &filter.words {
        select = select.filter(says(word));
    }
    read(db, select.order_by_desc(Column::Id).limit(limit)).await
}

/// Whether a memory has a word: in its own text, or where it has none in its message.
fn says(word: &Word) -> Expr {
    let own = || Expr::col((Entity, Column::Text));
    let own_folded = Expr::col((Entity, Column::SearchText));
    let said = Expr::col((message::Entity, message::Column::Text));
    let said_folded = Expr::col((message::Entity, message::Column::SearchText));
    let in_own = has_word(own_folded, own(), word);
    let in_message = has_word(said_folded, said, word);
    in_own.or(own().is_null().and(in_message))
}
