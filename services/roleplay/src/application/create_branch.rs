//! Makes a branch.

use mesh::Ctx;
use service::RequestKey;

use super::access::enter;
use super::once::Once;
use super::{Chats, Error};
use crate::domain::ids::{BranchId, MessageId, SessionId};
use crate::domain::participant::Right;
use crate::domain::session::Branch;
use crate::infrastructure::queries::{branches, messages, sessions};

/// Most branches of a session.
const MAX_BRANCHES: u64 = 500;

impl Chats {
    /// Makes a branch that ends at a message, and turns the session to it. Nothing is copied. A repeat of the request gets the
    /// branch of the first, and turns to nothing.
    pub(crate) async fn create_branch(
        &self,
        ctx: &Ctx,
        session: SessionId,
        head: MessageId,
        title: String,
        key: Option<RequestKey>,
    ) -> Result<Branch, Error> {
        let cause = &ctx.cause();
        let (user, title, create_time) = (ctx.user_id()?, &title, self.clock.now());
        let once = &Once::new(user, key).within(session);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let session = enter(tx, user, session, Right::Write).await?;
                    let telling = self.telling(tx, &session, cause);
                    let session = session.id;
                    if let Some(made) = once.made(tx).await? {
                        let made = branches::find(tx, session, made).await?;
                        return made.ok_or(Error::NotFound("branch"));
                    }
                    let message = messages::find(tx, session, head).await?;
                    message.ok_or(Error::NotFound("message"))?;
                    let count = branches::count(tx, session).await?;
                    if count >= MAX_BRANCHES {
                        let description = "has 500 branches already: use one of them";
                        return Err(Error::Invalid {
                            field: "session_id",
                            description,
                        });
                    }
                    let title = match title.is_empty() {
                        true => Branch::title_at(count + 1),
                        false => title.clone(),
                    };
                    let branch = Branch {
                        id: BranchId::new(),
                        session_id: session,
                        title,
                        head: Some(head),
                        create_time,
                        update_time: create_time,
                    };
                    branches::insert(tx, branch.clone()).await?;
                    once.note(tx, branch.id, create_time).await?;
                    sessions::set_branch(tx, session, branch.id, create_time).await?;
                    telling.branch_selected(branch.id)?;
                    Ok(branch)
                })
            })
            .await
    }
}
