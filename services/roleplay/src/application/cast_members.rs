//! The characters of a session: who they are, and changes of that.

use std::sync::Arc;

use mesh::Ctx;
use platform::Timestamp;
use service::RequestKey;
use storage::database::Transaction;

use super::access::{enter, enter_as_caller};
use super::cast::{Ready, Sheet};
use super::create_session::NewSession;
use super::error::check_etag_of;
use super::once::Once;
use super::{Chats, Error};
use crate::domain::cast::{Cast, CastMember, CastPatch, Part};
use crate::domain::ids::{CharacterId, SessionId, UserId};
use crate::domain::participant::Right;
use crate::domain::session::Session;
use crate::infrastructure::queries::{cast, sessions};

/// What is said of a character that joins.
#[derive(Debug, Clone)]
pub(crate) struct NewMember {
    /// The character.
    pub(crate) character_id: CharacterId,
    /// The role of the session's scenario that it plays; empty for none.
    pub(crate) role: String,
    /// How it takes part.
    pub(crate) part: Part,
}

impl NewMember {
    /// Of whom nothing else is said.
    pub(crate) fn of(id: CharacterId) -> Self {
        Self {
            character_id: id,
            role: String::new(),
            part: Part::default(),
        }
    }

    fn joins(&self, session: SessionId, name: String, now: Timestamp) -> CastMember {
        CastMember {
            role: self.role.clone(),
            part: self.part.clone(),
            ..CastMember::new(session, self.character_id, name, now)
        }
    }
}

/// A character of a session, at its place.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    /// The character.
    pub(crate) member: CastMember,
    /// Its place.
    pub(crate) place: usize,
}

impl Placed {
    fn of(cast: &Cast, id: CharacterId) -> Option<Self> {
        let place = cast.place_of(id)?;
        let member = cast.find(id)?.clone();
        Some(Self { member, place })
    }
}

impl Chats {
    /// The characters of a session.
    pub(crate) async fn list_cast(&self, ctx: &Ctx, id: SessionId) -> Result<Vec<Placed>, Error> {
        let session = enter_as_caller(&self.db, ctx, id, Right::Watch).await?;
        let cast = cast::of(self.db.read(), &session).await?;
        let placed = cast.members().iter().enumerate();
        Ok(placed
            .map(|(place, member)| Placed {
                member: member.clone(),
                place,
            })
            .collect())
    }

    /// A character of a session.
    pub(crate) async fn get_cast_member(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: CharacterId,
    ) -> Result<Placed, Error> {
        let session = enter_as_caller(&self.db, ctx, session, Right::Watch).await?;
        let cast = cast::of(self.db.read(), &session).await?;
        Placed::of(&cast, id).ok_or(NOT_THERE)
    }

    /// Lets a character that the owner may use join a session, by a link if there is a token, at a place or as the last. A repeat of the
    /// request gets what the first made, as it is now.
    pub(crate) async fn create_cast_member(
        &self,
        ctx: &Ctx,
        session: SessionId,
        (new, place): (NewMember, Option<usize>),
        token: &str,
        key: Option<RequestKey>,
    ) -> Result<Placed, Error> {
        let (user, now, id) = (ctx.user_id()?, self.clock.now(), new.character_id);
        let once = &Once::new(user, key).within(session);
        let found = enter_as_caller(&self.db, ctx, session, Right::Manage).await?;
        let made: Option<CharacterId> = once.made(self.db.read()).await?;
        let name = match made {
            Some(_) => String::new(),
            None => self.name_of(&found, id).await?,
        };
        let linked = self.access.linked(self.db.read(), token, now).await?;
        let (name, new) = (&name, &new);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let (session, mut cast) = open(tx, user, session).await?;
                    if let Some(made) = once.made(tx).await? {
                        return Placed::of(&cast, made).ok_or(NOT_THERE);
                    }
                    self.access.usable_character(tx, user, id, linked).await?;
                    cast.add(new.joins(session.id, name.clone(), now), place)?;
                    store(tx, session, &cast, now).await?;
                    once.note(tx, id, now).await?;
                    Placed::of(&cast, id).ok_or(NOT_THERE)
                })
            })
            .await
    }

    /// Changes a character's part. It must still have the etag, unless that is empty.
    pub(crate) async fn update_cast_member(
        &self,
        ctx: &Ctx,
        session: SessionId,
        (id, etag): (CharacterId, String),
        patch: CastPatch,
    ) -> Result<Placed, Error> {
        let (now, patch) = (self.clock.now(), &patch);
        let cast = self.change_seen(ctx, session, (id, etag), now, |cast| {
            cast.change(id, patch.clone(), now);
            Ok(())
        });
        Placed::of(&cast.await?, id).ok_or(NOT_THERE)
    }

    /// Takes a character out of a session. Its part must still have the etag, unless that is empty.
    pub(crate) async fn delete_cast_member(
        &self,
        ctx: &Ctx,
        session: SessionId,
        (id, etag): (CharacterId, String),
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let cast = self.change_seen(ctx, session, (id, etag), now, |cast| {
            cast.remove(id)?;
            Ok(())
        });
        cast.await.map(drop)
    }

    /// Changes the cast of a session at a character of it, whose part must still have the etag, unless that is empty.
    async fn change_seen(
        &self,
        ctx: &Ctx,
        session: SessionId,
        (id, etag): (CharacterId, String),
        now: Timestamp,
        change: impl Fn(&mut Cast) -> Result<(), Error> + Sync,
    ) -> Result<Cast, Error> {
        let (user, etag, change) = (ctx.user_id()?, &etag, &change);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let (session, mut cast) = open(tx, user, session).await?;
                    let placed = Placed::of(&cast, id).ok_or(NOT_THERE)?;
                    let seen = placed.member.etag(placed.place);
                    check_etag_of("character's part", &seen, etag)?;
                    change(&mut cast)?;
                    store(tx, session, &cast, now).await?;
                    Ok(cast)
                })
            })
            .await
    }

    /// What a character is called.
    async fn name_of(&self, session: &Session, id: CharacterId) -> Result<String, Error> {
        let sheet = self.sheet(id, &session.settings.prompt).await?;
        let sheet = sheet.ok_or(Error::NotFound("character"))?;
        Ok(sheet.card.display_name().into_owned())
    }

    /// The characters of a session that is opened, with their sheets.
    pub(super) async fn new_cast(
        &self,
        new: &NewSession,
        id: SessionId,
        now: Timestamp,
    ) -> Result<(Cast, Vec<Arc<Sheet>>), Error> {
        let ids: Vec<CharacterId> = new.members().map(|it| it.character_id).collect();
        let ready = self.sheets(&ids, &new.settings.prompt).await?;
        let (mut cast, mut sheets) = (Cast::default(), Vec::new());
        for member in new.members() {
            let own = |it: &&Ready| it.key.id() == member.character_id;
            let found = ready.iter().find(own);
            let sheet = &found.ok_or(Error::NotFound("character"))?.sheet;
            let name = sheet.card.display_name().into_owned();
            cast.add(member.joins(id, name, now), None)?;
            sheets.push(sheet.clone());
        }
        Ok((cast, sheets))
    }
}

const NOT_THERE: Error = Error::NotFound("character in the session");

/// A session whose cast the caller may change, and the cast.
async fn open(tx: &Transaction<'_>, user: UserId, id: SessionId) -> Result<(Session, Cast), Error> {
    let session = enter(tx, user, id, Right::Manage).await?;
    let cast = cast::of(tx, &session).await?;
    Ok((session, cast))
}

/// Stores the cast as it is now. The first is the session's character.
async fn store(
    tx: &Transaction<'_>,
    mut session: Session,
    cast: &Cast,
    now: Timestamp,
) -> Result<(), Error> {
    if let Some(first) = cast.first() {
        session.character_id = Some(first.character_id);
        session.character_name.clone_from(&first.name);
    }
    session.update_time = now;
    sessions::update(tx, &session).await?;
    Ok(cast::put(tx, session.id, cast).await?)
}
