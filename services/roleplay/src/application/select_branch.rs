//! Turns a session to another of its branches.

use mesh::Ctx;

use super::access::enter;
use super::{Chats, Error};
use crate::domain::ids::{BranchId, SessionId};
use crate::domain::participant::Right;
use crate::domain::session::Session;
use crate::infrastructure::queries::{branches, sessions};

impl Chats {
    /// Turns a session to another of its branches.
    pub(crate) async fn select_branch(
        &self,
        ctx: &Ctx,
        id: SessionId,
        branch: BranchId,
    ) -> Result<Session, Error> {
        let (user, cause) = (ctx.user_id()?, &ctx.cause());
        let now = self.clock.now();
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let before = enter(tx, user, id, Right::Write).await?;
                    let branch = branches::find(tx, id, branch).await?;
                    let branch = branch.ok_or(Error::NotFound("branch"))?;
                    if before.branch.id != branch.id {
                        sessions::set_branch(tx, id, branch.id, now).await?;
                        let telling = self.telling(tx, &before, cause);
                        telling.branch_selected(branch.id)?;
                    }
                    enter(tx, user, id, Right::Watch).await
                })
            })
            .await
    }
}
