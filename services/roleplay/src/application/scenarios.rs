//! Scenarios: what all their use cases share.

use std::collections::HashMap;

use events::Outbox;
use mesh::Ctx;
use platform::{Clock, Tasks};
use sea_orm::ConnectionTrait;
use storage::Database;

use super::Error;
use super::page::{DOCUMENT_BYTES, fitting, wanted};
use super::shared_access::SharedAccess;
use crate::domain::avatar::AvatarVersion;
use crate::domain::ids::{CharacterId, LorebookId, ScenarioId, UserId};
use crate::domain::scenario::{CastRole, Scenario};
use crate::domain::sharing::Sight;
use crate::infrastructure::queries::scenarios::Sought;
use crate::infrastructure::queries::{characters, lorebooks, scenarios, sessions};

/// Scenarios. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Scenarios {
    pub(crate) db: Database,
    pub(crate) outbox: Outbox,
    pub(crate) clock: Clock,
    pub(crate) access: SharedAccess,
    pub(crate) tasks: Tasks,
    pub(crate) limits: KeptLimits,
}

/// How much of a kind a person may keep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeptLimits {
    pub(crate) scenarios: u32,
    pub(crate) share_links: u32,
}

/// A scenario, and what its reader sees of it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) scenario: Scenario,
    pub(crate) sight: Sight,
    /// The picture of the first character of its cast that has one.
    pub(crate) picture: Option<(CharacterId, AvatarVersion)>,
}

impl Scenarios {
    /// A scenario that the caller may see: their own, one that is listed, or one that a session of theirs was started from.
    pub(crate) async fn get_scenario(&self, ctx: &Ctx, id: ScenarioId) -> Result<Seen, Error> {
        let (db, user) = (self.db.read(), ctx.user_id()?);
        let scenario = scenarios::anyones(db, id).await?;
        let scenario = scenario.ok_or(Error::NotFound("scenario"))?;
        let (owner, sharing) = (scenario.owner_id, &scenario.sharing);
        let sight = match self.access.sight(user, owner, sharing, false) {
            Some(sight) => sight,
            None if sessions::are_from(db, user, id).await? => Sight::of_others(sharing),
            None => return Err(Error::NotFound("scenario")),
        };
        self.seen(scenario, sight).await
    }

    /// A scenario that the caller may start sessions from, by a link if there is a token.
    pub(super) async fn usable(
        &self,
        ctx: &Ctx,
        id: ScenarioId,
        token: &str,
    ) -> Result<(Scenario, Sight), Error> {
        let (db, user, now) = (self.db.read(), ctx.user_id()?, self.clock.now());
        self.access.usable_scenario(db, user, id, token, now).await
    }

    /// Opens the roles of a scenario whose characters a person can't use by themselves.
    pub(super) async fn open_roles(
        &self,
        user: UserId,
        cast: &mut [CastRole],
    ) -> Result<(), Error> {
        let ids = cast.iter().filter_map(|role| role.character_id).collect();
        let usable = self.access.characters(self.db.read(), user, ids).await?;
        for role in cast {
            role.character_id = role.character_id.filter(|id| usable.has(*id, None));
        }
        Ok(())
    }

    /// A scenario as somebody sees it.
    pub(super) async fn seen(&self, scenario: Scenario, sight: Sight) -> Result<Seen, Error> {
        let mut seen = self.all_seen(vec![scenario], |_| sight).await?;
        seen.pop().ok_or(Error::NotFound("scenario"))
    }

    /// Scenarios as somebody sees them.
    pub(super) async fn all_seen(
        &self,
        found: Vec<Scenario>,
        sight: impl Fn(&Scenario) -> Sight,
    ) -> Result<Vec<Seen>, Error> {
        let played = |it: &Scenario| {
            it.cast
                .iter()
                .filter_map(|role| role.character_id)
                .collect()
        };
        let ids: Vec<CharacterId> = found.iter().flat_map::<Vec<_>, _>(played).collect();
        let pictures = match ids.is_empty() {
            true => HashMap::new(),
            false => characters::avatars(self.db.read(), ids).await?,
        };
        let seen = found.into_iter().map(|scenario| {
            let picture = played(&scenario)
                .into_iter()
                .find_map(|id| Some((id, pictures.get(&id)?.clone())));
            Seen {
                sight: sight(&scenario),
                scenario,
                picture,
            }
        });
        Ok(seen.collect())
    }

    /// At most `limit` scenarios of the caller, newest first, and whether there are more.
    pub(crate) async fn list_scenarios(
        &self,
        ctx: &Ctx,
        sought: &Sought,
        limit: usize,
    ) -> Result<(Vec<Seen>, bool), Error> {
        let (db, user) = (self.db.read(), ctx.user_id()?);
        let found = scenarios::search(db, user, sought, wanted(limit)).await?;
        let (ids, more) = fitting(&found, limit, DOCUMENT_BYTES);
        let loaded = scenarios::load(db, user, ids).await?;
        Ok((self.all_seen(loaded, |_| Sight::Own).await?, more))
    }
}

/// A scenario of a person.
pub(super) async fn own(
    db: &impl ConnectionTrait,
    user: UserId,
    id: ScenarioId,
) -> Result<Scenario, Error> {
    let scenario = scenarios::find(db, user, id).await?;
    scenario.ok_or(Error::NotFound("scenario"))
}

/// Refuses characters that a person can't use, and names the others. What a role had `before` it keeps.
pub(super) async fn fill_cast(
    db: &impl ConnectionTrait,
    access: &SharedAccess,
    user: UserId,
    cast: &mut [CastRole],
    before: &[CastRole],
) -> Result<(), Error> {
    let is_same = |role: &CastRole, it: &&CastRole| {
        it.name == role.name && it.character_id == role.character_id
    };
    let same = |role: &CastRole| before.iter().find(|it| is_same(role, it));
    let new = cast.iter().filter(|role| same(role).is_none());
    let new = new.filter_map(|role| role.character_id).collect();
    let usable = access.characters(db, user, new).await?;
    for role in cast {
        role.character_name = match (same(role), role.character_id) {
            (Some(same), _) => same.character_name.clone(),
            (None, Some(id)) => usable.name(id, None)?,
            (None, None) => String::new(),
        };
    }
    Ok(())
}

/// Refuses lorebooks that aren't a person's own, or are named twice.
pub(super) async fn check_lorebooks(
    db: &impl ConnectionTrait,
    user: UserId,
    ids: &[LorebookId],
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let owned = lorebooks::owned(db, user, ids).await?;
    if ids.iter().any(|id| !owned.contains(id)) {
        return Err(Error::NotFound("lorebook"));
    }
    if owned.len() < ids.len() {
        let (field, description) = ("scenario.lorebook_ids", "must not name a lorebook twice");
        return Err(Error::Invalid { field, description });
    }
    Ok(())
}
