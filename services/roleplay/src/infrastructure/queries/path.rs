//! Walks from a message towards the root, newest first: what a step costs doesn't depend on how long the path is.

mod line;

use std::cmp::Reverse;
use std::collections::{HashSet, VecDeque};

use sea_orm::sea_query::{
    CommonTableExpression, Expr, ExprTrait, Func, Query, UnionType, WithClause, WithQuery,
};
use sea_orm::{
    ColumnTrait, ColumnType, ConnectionTrait, DbBackend, DbErr, FromQueryResult, Iterable, Order,
};

use crate::domain::ids::{MessageId, SessionId};
use crate::infrastructure::tables::message::{Column, Entity, Model};

pub(crate) use self::line::Line;

const PATH: &str = "path";
const STEP: &str = "step";
const BYTES: &str = "bytes";
const LINES: &str = "lines";
const WANTED: &str = "wanted";
const WANTED_DEPTH: &str = "wanted_depth";
/// Messages that are looked for at once.
const CLIMBERS: usize = 256;
/// Most steps to a message. With jumps it takes some tens; old messages, which have none, are given up beyond this.
const LONGEST_WAY: i64 = 4_096;
/// Steps read at once when only ids are wanted: few at first, since most walks are short.
const FIRST_CLIMB: usize = 4;
const LONGEST_CLIMB: usize = 1024;

/// Where a walk ends, besides at the root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Most messages.
    pub(crate) messages: usize,
    /// Bytes of text after which no further message is taken; the message that passes them is.
    pub(crate) bytes: usize,
}

/// The messages from `from` towards the root, newest first.
pub(crate) async fn load(
    db: &impl ConnectionTrait,
    session: SessionId,
    from: MessageId,
    limits: Limits,
) -> Result<Vec<Model>, DbErr> {
    let walk = Walk::within(limits, session, from);
    let rows = db.query_all(&walk.rows(Column::iter())).await?;
    rows.iter()
        .map(|row| Model::from_query_result(row, ""))
        .collect()
}

/// As [`load`], and only what a prompt needs. All messages come in one row: a driver of SQLite hands each row to another
/// thread, which takes longer than finding it.
pub(crate) async fn lines(
    db: &impl ConnectionTrait,
    session: SessionId,
    from: MessageId,
    limits: Limits,
) -> Result<Vec<Line>, DbErr> {
    let columns = [
        Column::Id,
        Column::Author,
        Column::SpeakerName,
        Column::Text,
        Column::Depth,
        Column::CharacterCount,
        Column::CreateTime,
        Column::IsTemplate,
    ];
    let walk = Walk::within(limits, session, from);
    let statement = walk.gathered(&columns, db.get_database_backend());
    let row = db.query_one(&statement).await?;
    let json: Option<String> = row.map(|row| row.try_get("", LINES)).transpose()?.flatten();
    let Some(json) = json else {
        return Ok(Vec::new());
    };
    let mut lines: Vec<Line> =
        serde_json::from_str(&json).map_err(|error| DbErr::Json(error.to_string()))?;
    // An aggregate keeps the order of its rows, though only by habit.
    lines.sort_by_key(|line| Reverse(line.depth));
    Ok(lines)
}

/// Where two paths part.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fork {
    /// The last message that both have; none if they begin differently.
    pub(crate) common: Option<MessageId>,
    /// The first message that only the path to `from` has.
    pub(crate) left: Option<MessageId>,
}

/// Finds where the path to `from` parts from the path to `to`. Costs as many steps as the fork is away.
pub(crate) async fn fork(
    db: &impl ConnectionTrait,
    session: SessionId,
    from: MessageId,
    to: MessageId,
) -> Result<Fork, DbErr> {
    let (mut from, mut to) = (Climb::new(db, session, from), Climb::new(db, session, to));
    let (mut ours, mut theirs) = (from.next().await?, to.next().await?);
    let mut left = None;
    while let (Some(our), Some(their)) = (&ours, &theirs) {
        if our.id == their.id {
            return Ok(Fork {
                common: Some(our.id),
                left,
            });
        }
        if our.depth >= their.depth {
            left = Some(our.id);
            ours = from.next().await?;
        } else {
            theirs = to.next().await?;
        }
    }
    Ok(Fork { common: None, left })
}

/// Which of these messages are `tip` or before it on its path. Each costs a logarithm of the path's length in steps.
pub(crate) async fn holds(
    db: &impl ConnectionTrait,
    session: SessionId,
    tip: MessageId,
    messages: &[MessageId],
) -> Result<HashSet<MessageId>, DbErr> {
    let mut found = HashSet::new();
    for part in messages.chunks(CLIMBERS) {
        let rows = db.query_all(&climbs(session, tip, part)).await?;
        for row in rows {
            found.insert(row.try_get("", WANTED)?);
        }
    }
    Ok(found)
}

/// Climbs from `tip` to the depth of each message, by the longest jump that doesn't pass it, and returns those that are
/// met there.
fn climbs(session: SessionId, tip: MessageId, messages: &[MessageId]) -> WithQuery {
    let at = [
        Column::Id,
        Column::ParentId,
        Column::Depth,
        Column::JumpId,
        Column::JumpDepth,
    ];
    let wanted = "wanted_message";
    let mut first = Query::select();
    first.columns(at.map(|column| (Entity, column)));
    first.expr(Expr::col((wanted, Column::Id)));
    first.expr(Expr::col((wanted, Column::Depth)));
    first.expr(Expr::val(1_i64)).from_as(Entity, wanted);
    first.cross_join(Entity);
    first.and_where(Expr::col((wanted, Column::Id)).is_in(messages.iter().copied()));
    first.and_where(Expr::col((wanted, Column::SessionId)).eq(session));
    first.and_where(Expr::col((Entity, Column::Id)).eq(tip));
    first.and_where(Expr::col((Entity, Column::SessionId)).eq(session));
    let next = Expr::case(
        Expr::col((PATH, Column::JumpDepth)).gte(Expr::col((PATH, WANTED_DEPTH))),
        Expr::col((PATH, Column::JumpId)),
    )
    .finally(Expr::col((PATH, Column::ParentId)));
    let mut further = Query::select();
    further.columns(at.map(|column| (Entity, column)));
    further.columns([(PATH, WANTED), (PATH, WANTED_DEPTH)]);
    further.expr(Expr::col((PATH, STEP)).add(1_i64)).from(PATH);
    further.cross_join(Entity);
    further.and_where(Expr::col((Entity, Column::Id)).eq(next));
    further.and_where(Expr::col((PATH, Column::Depth)).gt(Expr::col((PATH, WANTED_DEPTH))));
    further.and_where(Expr::col((PATH, STEP)).lt(LONGEST_WAY));
    first.union(UnionType::All, further);

    let mut path = CommonTableExpression::new();
    path.table_name(PATH).columns(at);
    path.columns([WANTED, WANTED_DEPTH, STEP]).query(first);
    let mut result = Query::select();
    result.column(WANTED).from(PATH);
    result.and_where(Expr::col(Column::Id).equals(WANTED));
    let mut with = WithClause::new();
    with.recursive(true).cte(path);
    result.with(with)
}

/// A message without its text.
#[derive(Debug, FromQueryResult)]
struct Stop {
    id: MessageId,
    parent_id: Option<MessageId>,
    depth: i32,
}

/// A walk that is read as far as it is needed.
struct Climb<'c, C> {
    db: &'c C,
    session: SessionId,
    next: Option<MessageId>,
    length: usize,
    read: VecDeque<Stop>,
}

impl<'c, C: ConnectionTrait> Climb<'c, C> {
    fn new(db: &'c C, session: SessionId, from: MessageId) -> Self {
        Self {
            db,
            session,
            next: Some(from),
            length: FIRST_CLIMB,
            read: VecDeque::new(),
        }
    }

    async fn next(&mut self) -> Result<Option<Stop>, DbErr> {
        if let (true, Some(from)) = (self.read.is_empty(), self.next) {
            let columns = [Column::Id, Column::ParentId, Column::Depth];
            let walk = Walk {
                session: self.session,
                from,
                messages: self.length,
                bytes: None,
            };
            let rows = self.db.query_all(&walk.rows(columns)).await?;
            for row in rows {
                self.read.push_back(Stop::from_query_result(&row, "")?);
            }
            self.next = self.read.back().and_then(|stop| stop.parent_id);
            self.length = LONGEST_CLIMB.min(self.length * 4);
        }
        Ok(self.read.pop_front())
    }
}

/// The steps from a message towards the root.
struct Walk {
    session: SessionId,
    from: MessageId,
    /// Most messages.
    messages: usize,
    /// No message is taken after those that have more bytes of text together, if there is such a limit.
    bytes: Option<usize>,
}

impl Walk {
    fn within(limits: Limits, session: SessionId, from: MessageId) -> Self {
        Self {
            session,
            from,
            messages: limits.messages,
            bytes: Some(limits.bytes),
        }
    }

    /// A row for each message, newest first.
    fn rows(&self, columns: impl IntoIterator<Item = Column> + Clone) -> WithQuery {
        let mut rows = Query::select();
        rows.columns(columns.clone()).from(PATH);
        rows.order_by(STEP, Order::Asc);
        rows.with(self.path(columns))
    }

    /// One row: a JSON array with an array for each message.
    fn gathered(&self, columns: &[Column], backend: DbBackend) -> WithQuery {
        let (gather, array) = match backend {
            DbBackend::Sqlite => ("json_group_array", "json_array"),
            _ => ("json_agg", "json_build_array"),
        };
        let values = columns.iter().map(|column| {
            let value = Expr::col(*column);
            match (column.def().get_column_type(), backend) {
                // SQLite has ids as bytes, which JSON doesn't have.
                (ColumnType::Uuid, DbBackend::Sqlite) => Func::cust("hex").arg(value).into(),
                _ => value,
            }
        });
        let all = Func::cust(gather).arg(Func::cust(array).args(values));
        let mut row = Query::select();
        row.expr_as(Expr::expr(all).cast_as("text"), LINES);
        row.from(PATH);
        row.with(self.path(columns.iter().copied()))
    }

    /// The joins are cross joins with a condition: so SQLite keeps their order and looks each parent up by its key.
    fn path(&self, columns: impl IntoIterator<Item = Column>) -> WithClause {
        let at_most = |limit: usize| i64::try_from(limit).unwrap_or(i64::MAX);
        let mut columns: Vec<Column> = columns.into_iter().collect();
        if !columns.iter().any(|it| matches!(it, Column::ParentId)) {
            columns.push(Column::ParentId);
        }
        let mut first = Query::select();
        first.columns(columns.iter().map(|column| (Entity, *column)));
        first.expr(Expr::val(1_i64)).from(Entity);
        first.and_where(Expr::col((Entity, Column::Id)).eq(self.from));
        first.and_where(Expr::col((Entity, Column::SessionId)).eq(self.session));
        let mut further = Query::select();
        further.columns(columns.iter().map(|column| (Entity, *column)));
        further.expr(Expr::col((PATH, STEP)).add(1_i64)).from(PATH);
        further.cross_join(Entity);
        further.and_where(Expr::col((Entity, Column::Id)).equals((PATH, Column::ParentId)));
        further.and_where(Expr::col((PATH, STEP)).lt(at_most(self.messages)));

        let mut path = CommonTableExpression::new();
        path.table_name(PATH).columns(columns).column(STEP);
        if let Some(bytes) = self.bytes {
            let length = || Func::cust("octet_length").arg(Expr::col((Entity, Column::Text)));
            let so_far = || Expr::col((PATH, BYTES));
            first.expr(length().cast_as("bigint"));
            further.expr(so_far().add(length()));
            further.and_where(so_far().lte(at_most(bytes)));
            path.column(BYTES);
        }
        first.union(UnionType::All, further);
        path.query(first);
        let mut with = WithClause::new();
        with.recursive(true).cte(path);
        with
    }
}
