//! Changes and deletes branches: the names of paths, and never what is on them.

use mesh::Ctx;

use super::access::enter;
use super::{Chats, Error};
use crate::domain::ids::{BranchId, SessionId};
use crate::domain::participant::Right;
use crate::domain::session::Branch;
use crate::infrastructure::queries::branches;

impl Chats {
    /// Gives a branch another title, if there is one; an empty one becomes the one that it would have had.
    pub(crate) async fn update_branch(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: BranchId,
        title: Option<String>,
    ) -> Result<Branch, Error> {
        let (user, now, title) = (ctx.user_id()?, self.clock.now(), &title);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let session = enter(tx, user, session, Right::Write).await?;
                    let branch = branches::find(tx, session.id, id).await?;
                    let mut branch = branch.ok_or(Error::NotFound("branch"))?;
                    let title = match title {
                        None => return Ok(branch),
                        Some(title) if title.is_empty() => {
                            Branch::title_at(branches::place(tx, session.id, id).await?)
                        }
                        Some(title) => title.clone(),
                    };
                    if title != branch.title {
                        (branch.title, branch.update_time) = (title, now);
                        branches::set_title(tx, &branch).await?;
                    }
                    Ok(branch)
                })
            })
            .await
    }

    /// Deletes a branch that the session isn't on.
    pub(crate) async fn delete_branch(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: BranchId,
    ) -> Result<(), Error> {
        let user = ctx.user_id()?;
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let session = enter(tx, user, session, Right::Manage).await?;
                    if session.branch.id == id {
                        return Err(Error::BranchSelected);
                    }
                    match branches::delete(tx, session.id, id).await? {
                        true => Ok(()),
                        false => Err(Error::NotFound("branch")),
                    }
                })
            })
            .await
    }
}
