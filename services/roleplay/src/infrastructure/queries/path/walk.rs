//! The statement of a walk: a recursive one, which looks each parent up by its key.

use sea_orm::sea_query::{
    CommonTableExpression, Expr, ExprTrait, Func, Query, UnionType, WithClause, WithQuery,
};
use sea_orm::{ColumnTrait, ColumnType, DbBackend, Order};

use super::{Limits, PATH, STEP};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::message::MessageKind;
use crate::infrastructure::tables::message::{Column, Entity};

const BYTES: &str = "bytes";
/// The one column of gathered rows.
pub(super) const LINES: &str = "lines";

/// The steps from a message towards the root.
pub(super) struct Walk {
    pub(super) session: SessionId,
    pub(super) from: MessageId,
    /// Most messages.
    pub(super) messages: usize,
    /// No message is taken after those that have more bytes of text together, if there is such a limit.
    pub(super) bytes: Option<usize>,
    pub(super) texts: Texts,
}

/// Which messages have their text; the others count as empty.
#[derive(Clone, Copy)]
pub(super) enum Texts {
    All,
    /// Those that models read.
    ForModels,
}

impl Walk {
    pub(super) fn within(limits: Limits, session: SessionId, from: MessageId) -> Self {
        Self {
            session,
            from,
            messages: limits.messages,
            bytes: Some(limits.bytes),
            texts: Texts::All,
        }
    }

    /// A row for each message, newest first.
    pub(super) fn rows(&self, columns: impl IntoIterator<Item = Column> + Clone) -> WithQuery {
        let mut rows = Query::select();
        rows.columns(columns.clone()).from(PATH);
        rows.order_by(STEP, Order::Asc);
        rows.with(self.path(columns))
    }

    /// One row: a JSON array with an array for each message.
    pub(super) fn gathered(&self, columns: &[Column], backend: DbBackend) -> WithQuery {
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

    /// A column of the next message.
    fn value(&self, column: Column) -> Expr {
        let of_message = |column| Expr::col((Entity, column));
        match (column, self.texts) {
            (Column::Text, Texts::ForModels) => {
                let aside = of_message(Column::Kind).eq(MessageKind::OutOfCharacter);
                let unread = of_message(Column::Hidden).eq(true).or(aside);
                Expr::case(unread, Expr::val(""))
                    .finally(of_message(column))
                    .into()
            }
            _ => of_message(column),
        }
    }

    /// The joins are cross joins with a condition: so SQLite keeps their order and looks each parent up by its key.
    fn path(&self, columns: impl IntoIterator<Item = Column>) -> WithClause {
        let at_most = |limit: usize| i64::try_from(limit).unwrap_or(i64::MAX);
        let mut columns: Vec<Column> = columns.into_iter().collect();
        if !columns.iter().any(|it| matches!(it, Column::ParentId)) {
            columns.push(Column::ParentId);
        }
        let mut first = Query::select();
        first.exprs(columns.iter().map(|column| self.value(*column)));
        first.expr(Expr::val(1_i64)).from(Entity);
        first.and_where(Expr::col((Entity, Column::Id)).eq(self.from));
        first.and_where(Expr::col((Entity, Column::SessionId)).eq(self.session));
        let mut further = Query::select();
        further.exprs(columns.iter().map(|column| self.value(*column)));
        further.expr(Expr::col((PATH, STEP)).add(1_i64)).from(PATH);
        further.cross_join(Entity);
        further.and_where(Expr::col((Entity, Column::Id)).equals((PATH, Column::ParentId)));
        further.and_where(Expr::col((PATH, STEP)).lt(at_most(self.messages)));

        let mut path = CommonTableExpression::new();
        path.table_name(PATH).columns(columns).column(STEP);
        if let Some(bytes) = self.bytes {
            let length = || Func::cust("octet_length").arg(self.value(Column::Text));
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
