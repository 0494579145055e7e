//! The one way from the id of a session in a request to the session: by what the caller wants to do there.

use mesh::Ctx;
use sea_orm::ConnectionTrait;
use storage::Database;

use super::Error;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::participant::Right;
use crate::domain::session::Session;
use crate::infrastructure::queries::sessions;

/// A session that a person takes part in, for something that needs a right. What takes a [`Session`] needs no guard of its own.
///
/// # Errors
/// They don't take part, or their role doesn't have the right.
pub(super) async fn enter(
    db: &impl ConnectionTrait,
    user: UserId,
    id: SessionId,
    right: Right,
) -> Result<Session, Error> {
    let access = sessions::find(db, user, id).await?;
    let access = access.ok_or(Error::NotFound("session"))?;
    Ok(access.grant(right)?)
}

/// As [`enter`], for the caller, and outside of a transaction.
pub(super) async fn enter_as_caller(
    db: &Database,
    ctx: &Ctx,
    id: SessionId,
    right: Right,
) -> Result<Session, Error> {
    enter(db.read(), ctx.user_id()?, id, right).await
}
