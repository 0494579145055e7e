//! Invitations: made, listed and revoked.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mesh::Ctx;
use platform::Timestamp;
use service::RequestKey;
use storage::secret::Secret;

use super::access::{enter, enter_as_caller};
use super::once::Once;
use super::{Chats, Error};
use crate::domain::ids::{InvitationId, SessionId, UserId};
use crate::domain::invitation::{
    DEFAULT_LIFE, Invitation, LONGEST_LIFE, MAX_INVITATIONS, token_hash,
};
use crate::domain::participant::{ParticipantRole, Right};
use crate::infrastructure::queries::{invitations, participants};

/// An invitation to make.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewInvitation {
    /// What those become who accept it.
    pub(crate) role: ParticipantRole,
    /// Who is invited; none for whoever has the link.
    pub(crate) user_id: Option<UserId>,
    /// How often it can be accepted; none for any number.
    pub(crate) max_uses: Option<u32>,
    /// When it ends; none for in a week.
    pub(crate) expire_time: Option<Timestamp>,
}

impl Chats {
    /// Makes an invitation, and the token of one by link, which is told this once. A repeat of the request gets the invitation of the
    /// first, and a new token in place of the one that may have got lost.
    pub(crate) async fn create_invitation(
        &self,
        ctx: &Ctx,
        session: SessionId,
        new: NewInvitation,
        key: Option<RequestKey>,
    ) -> Result<(Invitation, Option<String>), Error> {
        let (user, now, cause) = (ctx.user_id()?, self.clock.now(), &ctx.cause());
        let expire_time = new.expire_time.unwrap_or(now + DEFAULT_LIFE);
        check_life(expire_time, now)?;
        let token = new.user_id.is_none().then(new_token);
        let hash = &token.as_deref().map(token_hash);
        let once = &Once::new(user, key).within(session);
        let make = self.db.transaction(|tx| {
            Box::pin(async move {
                let session = enter(tx, user, session, Right::Manage).await?;
                if let Some(made) = once.made(tx).await? {
                    let made = invitations::find(tx, session.id, made).await?;
                    let made = made.ok_or(Error::NotFound("invitation"))?;
                    if let Some(hash) = hash {
                        invitations::set_token(tx, made.id, hash.clone()).await?;
                    }
                    return Ok(made);
                }
                invitations::forget_ended(tx, session.id, now).await?;
                if invitations::count(tx, session.id).await? >= MAX_INVITATIONS {
                    let description = "has 100 invitations already: revoke one of them";
                    let field = "session_id";
                    return Err(Error::Invalid { field, description });
                }
                // Also where a release before 0013 opened it: from now on others may be there too.
                participants::put(tx, session.id, &session.me, now).await?;
                let invitation = Invitation {
                    id: InvitationId::new(),
                    session_id: session.id,
                    session_title: session.title.clone(),
                    character_name: session.character_name.clone(),
                    role: new.role,
                    user_id: new.user_id,
                    inviter_id: session.me.id,
                    max_uses: match new.user_id {
                        Some(_) => Some(1),
                        None => new.max_uses,
                    },
                    use_count: 0,
                    create_time: now,
                    expire_time,
                };
                invitations::insert(tx, &invitation, hash.clone()).await?;
                once.note(tx, invitation.id, now).await?;
                self.telling(tx, &session, cause).invited(&invitation)?;
                Ok(invitation)
            })
        });
        Ok((make.await?, token))
    }

    /// At most `limit` invitations to a session that are older than one, newest first, also those that don't hold any more.
    pub(crate) async fn list_invitations(
        &self,
        ctx: &Ctx,
        session: SessionId,
        before: Option<InvitationId>,
        limit: usize,
    ) -> Result<Vec<Invitation>, Error> {
        let session = enter_as_caller(&self.db, ctx, session, Right::Manage).await?;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        Ok(invitations::list(self.db.read(), session.id, before, limit).await?)
    }

    /// An invitation to a session.
    pub(crate) async fn get_invitation(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: InvitationId,
    ) -> Result<Invitation, Error> {
        let session = enter_as_caller(&self.db, ctx, session, Right::Manage).await?;
        let invitation = invitations::find(self.db.read(), session.id, id).await?;
        invitation.ok_or(Error::NotFound("invitation"))
    }

    /// Revokes an invitation. Who accepted it stays.
    pub(crate) async fn delete_invitation(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: InvitationId,
    ) -> Result<(), Error> {
        let user = ctx.user_id()?;
        let revoke = self.db.transaction(|tx| {
            Box::pin(async move {
                let session = enter(tx, user, session, Right::Manage).await?;
                let invitation = invitations::find(tx, session.id, id).await?;
                let invitation = invitation.ok_or(Error::NotFound("invitation"))?;
                invitations::delete(tx, invitation.id).await?;
                Ok(())
            })
        });
        revoke.await
    }

    /// At most `limit` invitations of the caller that hold and are older than one, newest first.
    pub(crate) async fn list_received_invitations(
        &self,
        ctx: &Ctx,
        before: Option<InvitationId>,
        limit: usize,
    ) -> Result<Vec<Invitation>, Error> {
        let (user, now) = (ctx.user_id()?, self.clock.now());
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        Ok(invitations::list_of_person(self.db.read(), user, before, now, limit).await?)
    }

    /// Declines an invitation of the caller.
    pub(crate) async fn decline_invitation(
        &self,
        ctx: &Ctx,
        id: InvitationId,
    ) -> Result<(), Error> {
        let user = ctx.user_id()?;
        let decline = self.db.transaction(|tx| {
            Box::pin(async move {
                let invitation = invitations::find_of_person(tx, user, id).await?;
                let invitation = invitation.ok_or(Error::NotFound("invitation"))?;
                invitations::delete(tx, invitation.id).await?;
                Ok(())
            })
        });
        decline.await
    }
}

/// 256 bits of chance.
fn new_token() -> String {
    URL_SAFE_NO_PAD.encode(Secret::generate().bytes())
}

fn check_life(expire_time: Timestamp, now: Timestamp) -> Result<(), Error> {
    if now < expire_time && expire_time <= now + LONGEST_LIFE {
        return Ok(());
    }
    let (field, description) = (
        "invitation.expire_time",
        "must be in the future, and within 30 days",
    );
    Err(Error::Invalid { field, description })
}
