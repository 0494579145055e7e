//! Moves the end of a branch, so that the way back is remembered.

use platform::Timestamp;
use storage::database::Transaction;

use super::Error;
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::session::Branch;
use crate::infrastructure::queries::{branches, messages, path};

/// Moves the end of a branch to another message. Where the old path leaves the new one, its first message remembers
/// where the branch ended. Costs as many steps as the fork is away: none when a message is appended.
pub(super) async fn move_head(
    tx: &Transaction<'_>,
    session: SessionId,
    branch: &Branch,
    to: MessageId,
    appended_to: Option<MessageId>,
    now: Timestamp,
) -> Result<(), Error> {
    if let Some(from) = branch.head.filter(|head| Some(*head) != appended_to) {
        let fork = path::fork(tx, session, from, to).await?;
        if let Some(left) = fork.left {
            messages::set_last_head(tx, left, from).await?;
        }
    }
    tx.put_off(branches::set_head(branch.id, to, now));
    Ok(())
}
