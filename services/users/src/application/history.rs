//! What happened to accounts as far as the tables know it, told and told again.

use events::{History, HistoryPage, Retellable, Retold};
use platform::Timestamp;
use platform::id::UserId;
use sea_orm::DbErr;
use storage::database::{Connection, Transaction};
use troupe_proto::events::AccountRegistered;

use crate::infrastructure::queries::users;

/// Somebody registered.
pub(super) fn registered(id: UserId, time: Timestamp) -> Retellable<AccountRegistered> {
    Retellable {
        event: AccountRegistered {
            user_id: id.to_string(),
        },
        of: id.to_string(),
        time,
    }
}

/// The history of accounts.
#[derive(Debug)]
pub struct Chronicle;

impl History for Chronicle {
    type Place = UserId;

    async fn count(db: &Connection) -> Result<u64, DbErr> {
        users::count(db).await
    }

    async fn page(
        tx: &Transaction<'_>,
        after: Option<UserId>,
        limit: u64,
    ) -> Result<HistoryPage<UserId>, DbErr> {
        let accounts = users::list_registered(tx, after, limit).await?;
        let rows = accounts.len() as u64;
        let last = accounts.last().map(|(id, _)| *id);
        let told = accounts.into_iter().map(|(id, time)| registered(id, time));
        Ok(HistoryPage {
            events: told.map(Retold::from).collect(),
            rows,
            next: last.filter(|_| rows == limit),
        })
    }
}
