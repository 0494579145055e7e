//! The event that an account was deleted: the person leaves all sessions, and those that they own go to others, or go.

use std::sync::Arc;

use events::{Consumer, Failure, Handler, Received};
use storage::Database;
use storage::database::Transaction;
use troupe_proto::events::AccountDeleted;

use super::memory_events::{failure, id};
use crate::application::Chats;

struct Leaving(Chats);

/// The consumer of what happens to accounts.
pub(crate) fn account_consumer(chats: &Chats, db: &Database) -> Consumer {
    let leaving = Arc::new(Leaving(chats.clone()));
    Consumer::new("roleplay-people", db).on::<AccountDeleted, _>(&leaving)
}

impl Handler<AccountDeleted> for Leaving {
    type Prepared = ();

    /// Who has left a session isn't in it any more, so that what is done a second time does nothing.
    async fn prepare(&self, received: &Received<AccountDeleted>) -> Result<(), Failure> {
        let user = id(&received.event.user_id)?;
        let left = self.0.leave_all_sessions(user, &received.cause).await;
        left.map_err(failure)
    }

    async fn apply(
        &self,
        _: &Transaction<'_>,
        _: &Received<AccountDeleted>,
        (): &(),
    ) -> Result<(), Failure> {
        Ok(())
    }
}
