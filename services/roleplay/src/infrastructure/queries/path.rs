//! Walks from a message towards the root, newest first: what a step costs doesn't depend on how long the path is.

mod lines;
mod walk;

use std::collections::{HashSet, VecDeque};

use sea_orm::sea_query::{
    CommonTableExpression, Expr, ExprTrait, Query, UnionType, WithClause, WithQuery,
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Iterable};

pub(crate) use self::lines::{Line, lines};
use self::walk::{Texts, Walk};
use crate::domain::ids::{MessageId, SessionId};
use crate::infrastructure::tables::message::{Column, Entity, Model};

const PATH: &str = "path";
const STEP: &str = "step";
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
                texts: Texts::All,
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
