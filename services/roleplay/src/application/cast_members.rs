//! The characters of a session: who they are, and changes of that.

use std::sync::Arc;

use mesh::Ctx;
use platform::Timestamp;
use service::RequestKey;
use storage::database::Transaction;

use super::access::{enter, enter_as_caller};
use super::cast::Sheet;
use super::characters::check_character;
use super::create_session::NewSession;
use super::error::check_etag_of;
use super::once::Once;
use super::{Chats, Error};
use crate::domain::cast::{Cast, CastMember, CastPatch};
use crate::domain::ids::{CharacterId, SessionId};
use crate::domain::participant::Right;
use crate::domain::session::{PromptChoices, Session};
use crate::infrastructure::queries::{cast, sessions};

/// What is said of a character that joins.
#[derive(Debug, Clone)]
pub(crate) struct NewMember {
    /// The character.
    pub(crate) character_id: CharacterId,
    /// Its place, and all else.
    pub(crate) patch: CastPatch,
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

    /// Lets a character of the owner join a session. A repeat of the request gets what the first made, as it is now.
    pub(crate) async fn create_cast_member(
        &self,
        ctx: &Ctx,
        session: SessionId,
        new: NewMember,
        key: Option<RequestKey>,
    ) -> Result<Placed, Error> {
        let (user, now, id) = (ctx.user_id()?, self.host.clock.now(), new.character_id);
        let once = &Once::new(user, key).within(session);
        enter_as_caller(&self.db, ctx, session, Right::Manage).await?;
        let made: Option<CharacterId> = once.made(self.db.read()).await?;
        let name = match made {
            Some(_) => String::new(),
            None => self.name_of(ctx, id).await?,
        };
        let (name, patch) = (&name, &new.patch);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let session = enter(tx, user, session, Right::Manage).await?;
                    let mut cast = cast::of(tx, &session).await?;
                    if let Some(made) = once.made(tx).await? {
                        return Placed::of(&cast, made).ok_or(NOT_THERE);
                    }
                    check_character(tx, user, id).await?;
                    let member = CastMember::new(session.id, id, name.clone(), now);
                    cast.add(member, None)?;
                    cast.change(id, patch.clone(), now);
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
        let (user, now) = (ctx.user_id()?, self.host.clock.now());
        let (patch, etag) = (&patch, &etag);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let session = enter(tx, user, session, Right::Manage).await?;
                    let mut cast = cast::of(tx, &session).await?;
                    check_seen(&cast, id, etag)?;
                    cast.change(id, patch.clone(), now);
                    store(tx, session, &cast, now).await?;
                    Placed::of(&cast, id).ok_or(NOT_THERE)
                })
            })
            .await
    }

    /// Takes a character out of a session. Its part must still have the etag, unless that is empty.
    pub(crate) async fn delete_cast_member(
        &self,
        ctx: &Ctx,
        session: SessionId,
        (id, etag): (CharacterId, String),
    ) -> Result<(), Error> {
        let (user, now, etag) = (ctx.user_id()?, self.host.clock.now(), &etag);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let session = enter(tx, user, session, Right::Manage).await?;
                    let mut cast = cast::of(tx, &session).await?;
                    check_seen(&cast, id, etag)?;
                    cast.remove(id)?;
                    store(tx, session, &cast, now).await
                })
            })
            .await
    }

    /// What a character of the caller is called.
    async fn name_of(&self, ctx: &Ctx, id: CharacterId) -> Result<String, Error> {
        let choices = PromptChoices::default();
        let sheet = self.sheet(ctx.user_id()?, id, &choices).await?;
        let sheet = sheet.ok_or(Error::NotFound("character"))?;
        Ok(sheet.card.display_name().into_owned())
    }

    /// The characters of a session that is opened, with their sheets.
    pub(super) async fn new_cast(
        &self,
        ctx: &Ctx,
        new: &NewSession,
        (id, first): (SessionId, Arc<Sheet>),
        now: Timestamp,
    ) -> Result<(Cast, Vec<Arc<Sheet>>), Error> {
        let name = |sheet: &Sheet| sheet.card.display_name().into_owned();
        let member = CastMember::new(id, new.character_id, name(&first), now);
        let mut cast = Cast::of(Vec::new(), Some(member));
        let mut sheets = vec![first];
        for other in &new.cast {
            let choices = &new.settings.prompt;
            let sheet = self.sheet(ctx.user_id()?, other.character_id, choices);
            let sheet = sheet.await?.ok_or(Error::NotFound("character"))?;
            let member = CastMember::new(id, other.character_id, name(&sheet), now);
            cast.add(member, None)?;
            let patch = CastPatch {
                place: None,
                ..other.patch.clone()
            };
            cast.change(other.character_id, patch, now);
            sheets.push(sheet);
        }
        Ok((cast, sheets))
    }
}

const NOT_THERE: Error = Error::NotFound("character in the session");

fn check_seen(cast: &Cast, id: CharacterId, etag: &str) -> Result<(), Error> {
    let placed = Placed::of(cast, id).ok_or(NOT_THERE)?;
    check_etag_of("character's part", &placed.member.etag(placed.place), etag)
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
