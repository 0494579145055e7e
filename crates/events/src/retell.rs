//! Tells again what a service's rows know of what happened, for consumers that came later.

use std::future::Future;

use platform::trace::Cause;
use sea_orm::DbErr;
use storage::Database;
use storage::database::{Connection, Transaction};

use super::{Outbox, Retold};

/// Rows that are gone through in one transaction.
const PAGE: u64 = 500;

/// What a service's rows know of what happened. Of what was deleted they know nothing.
pub trait History: Send + Sync + 'static {
    /// Where a page ended.
    type Place: Clone + Send + Sync;

    /// How many rows there are to go through.
    fn count(db: &Connection) -> impl Future<Output = Result<u64, DbErr>> + Send;

    /// What some rows behind a place know, of each key in the order in which it happened. About `limit` rows.
    fn page(
        tx: &Transaction<'_>,
        after: Option<Self::Place>,
        limit: u64,
    ) -> impl Future<Output = Result<HistoryPage<Self::Place>, DbErr>> + Send;
}

/// A part of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage<P> {
    /// What the rows know.
    pub events: Vec<Retold>,
    /// How many rows those were.
    pub rows: u64,
    /// Where it ended; `None` where nothing follows.
    pub next: Option<P>,
}

/// Tells a history again. Consumers that want [history](super::Consumer::with_history) get it; of what is told twice, also by
/// another call, they have the effect once. `progress` hears how many rows of how many are done. Returns how many events
/// were told.
///
/// # Errors
/// The database fails. What was told by then stays told; do it again.
pub async fn retell<H: History>(
    db: &Database,
    outbox: &Outbox,
    progress: impl Fn(u64, u64),
) -> Result<u64, DbErr> {
    let all = H::count(db.read()).await?;
    let cause = &Cause::new();
    let (mut told, mut done, mut place) = (0, 0, None);
    progress(done, all);
    loop {
        let after = &place;
        // The rows are read in the transaction: what is deleted meanwhile is told before its deletion, or not at all.
        let page = db.transaction(|tx| {
            Box::pin(async move {
                let page = H::page(tx, after.clone(), PAGE).await?;
                outbox.add_again(tx, &page.events, cause)?;
                Ok::<_, DbErr>(page)
            })
        });
        let page = page.await?;
        told += page.events.len() as u64;
        done += page.rows;
        progress(done, all.max(done));
        match page.next {
            Some(next) => place = Some(next),
            None => return Ok(told),
        }
    }
}
