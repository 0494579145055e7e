//! What becomes of a message for which nothing was written: no swipe is left of it.

use platform::Timestamp;
use storage::database::Transaction;

use super::Error;
use super::delete_message::replacement;
use crate::domain::generation::State;
use crate::domain::ids::{MessageId, SessionId};
use crate::infrastructure::queries::{messages, splice, subtree};

/// A message for which nothing was written.
pub(super) struct Unwritten {
    pub(super) session: SessionId,
    pub(super) id: MessageId,
    /// Where its branch is to end, as far as that is known.
    pub(super) left: Option<MessageId>,
}

/// Takes the message out of the tree. Branches that end in it end where they did before, and what followed it meanwhile follows
/// the message before. The row stays, so that the generation can be read and watched, and the message be tried again.
pub(super) async fn discard(
    tx: &Transaction<'_>,
    unwritten: Unwritten,
    state: State,
    now: Timestamp,
) -> Result<(), Error> {
    let Unwritten { session, id, left } = unwritten;
    let Some(message) = messages::find(tx, session, id).await? else {
        return Ok(());
    };
    let left = match left {
        Some(left) => messages::find(tx, session, left).await?,
        None => None,
    };
    let end = match left {
        Some(left) => Some(left.id),
        None => replacement(tx, &message).await?,
    };
    subtree::leave_one(tx, session, id, end, now).await?;
    splice::take_out(tx, &message).await?;
    Ok(messages::set_discarded(tx, id, state).await?)
}
