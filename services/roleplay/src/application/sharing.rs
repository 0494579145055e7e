//! Shares characters and scenarios: links to them, what a link leads to, and what is listed.

use mesh::Ctx;
use platform::Timestamp;
use service::RequestKey;

use super::Error;
use super::characters::check_character;
use super::once::Once;
use super::page::{DOCUMENT_BYTES, fitting, wanted};
use super::scenarios::{Scenarios, Seen, own};
use crate::domain::character::Character;
use crate::domain::ids::{CharacterId, ScenarioId, ShareLinkId};
use crate::domain::scenario::Scenario;
use crate::domain::search::words;
use crate::domain::sharing::{Rating, ShareLink, Shared, Sight};
use crate::infrastructure::queries::scenarios::Sought;
use crate::infrastructure::queries::{characters, scenarios, share_links};

/// What a link leads to, as its owner shows it to the caller.
pub(crate) enum Opened {
    Character(Box<Character>, Sight),
    Scenario(Box<Seen>),
}

/// A link to make.
pub(crate) struct NewLink {
    /// What it leads to: one of the two.
    pub(crate) character: Option<CharacterId>,
    pub(crate) scenario: Option<ScenarioId>,
    /// What its maker calls it.
    pub(crate) title: String,
    /// When it ends by itself.
    pub(crate) expire_time: Option<Timestamp>,
}

impl NewLink {
    fn leads_to(&self) -> Result<Shared, Error> {
        match (self.character, self.scenario) {
            (Some(id), None) => Ok(Shared::Character(id)),
            (None, Some(id)) => Ok(Shared::Scenario(id)),
            _ => Err(Error::Invalid {
                field: "share_link",
                description: "must name a character or a scenario, and not both",
            }),
        }
    }
}

impl Scenarios {
    /// Makes a link to a thing of the caller. A repeat of the request gets the link of the first.
    pub(crate) async fn create_link(
        &self,
        ctx: &Ctx,
        new: &NewLink,
        key: Option<RequestKey>,
    ) -> Result<ShareLink, Error> {
        let (user, now) = (ctx.user_id()?, self.clock.now());
        let once = &Once::new(user, key);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    if let Some(made) = once.made(tx).await? {
                        let made = share_links::find(tx, user, made).await?;
                        return made.ok_or(Error::NotFound("link"));
                    }
                    if let Some(id) = new.character {
                        check_character(tx, user, id).await?;
                    }
                    if let Some(id) = new.scenario {
                        own(tx, user, id).await?;
                    }
                    let most = self.limits.share_links;
                    if share_links::count(tx, user).await? >= u64::from(most) {
                        return Err(Error::TooManyShareLinks(most));
                    }
                    let link = ShareLink {
                        id: ShareLinkId::new(),
                        to: new.leads_to()?,
                        title: new.title.clone(),
                        expire_time: new.expire_time,
                        create_time: now,
                    };
                    share_links::insert(tx, user, &link).await?;
                    once.note(tx, link.id, now).await?;
                    Ok(link)
                })
            })
            .await
    }

    /// A link of the caller.
    pub(crate) async fn get_link(&self, ctx: &Ctx, id: ShareLinkId) -> Result<ShareLink, Error> {
        let link = share_links::find(self.db.read(), ctx.user_id()?, id).await?;
        link.ok_or(Error::NotFound("link"))
    }

    /// At most `limit` links of the caller, newest first.
    pub(crate) async fn list_links(
        &self,
        ctx: &Ctx,
        sought: share_links::Sought,
        limit: usize,
    ) -> Result<Vec<ShareLink>, Error> {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        Ok(share_links::list(self.db.read(), ctx.user_id()?, sought, limit).await?)
    }

    /// Revokes a link of the caller.
    pub(crate) async fn delete_link(&self, ctx: &Ctx, id: ShareLinkId) -> Result<(), Error> {
        let user = ctx.user_id()?;
        let delete = self.db.transaction(|tx| {
            Box::pin(async move { Ok(share_links::delete(tx, user, id).await?) })
        });
        let was_there: Result<bool, Error> = delete.await;
        was_there?.then_some(()).ok_or(Error::NotFound("link"))
    }

    /// What the link of a token leads to.
    pub(crate) async fn open_link(&self, ctx: &Ctx, token: &str) -> Result<Opened, Error> {
        let (db, user) = (self.db.read(), ctx.user_id()?);
        let linked = self.access.linked(db, token, self.clock.now()).await?;
        match linked.ok_or(Error::NotFound("link"))? {
            Shared::Character(id) => {
                let character = characters::anyones(db, id).await?;
                let character = character.ok_or(Error::NotFound("link"))?;
                let (owner, sharing) = (character.owner_id, &character.sharing);
                let sight = self.access.sight(user, owner, sharing, true);
                let sight = sight.ok_or(Error::NotFound("link"))?;
                Ok(Opened::Character(Box::new(character), sight))
            }
            Shared::Scenario(id) => match self.usable(ctx, id, token).await {
                Ok((scenario, sight)) => {
                    let seen = self.seen(scenario, sight).await?;
                    Ok(Opened::Scenario(Box::new(seen)))
                }
                Err(Error::NotFound(_)) => Err(Error::NotFound("link")),
                Err(error) => Err(error),
            },
        }
    }

    /// At most `limit` characters that are listed, newest first, each as its owner shows it to the caller; and whether there are
    /// more.
    pub(crate) async fn list_listed_characters(
        &self,
        ctx: &Ctx,
        query: &str,
        max_rating: Rating,
        before: Option<CharacterId>,
        limit: usize,
    ) -> Result<(Vec<(Character, Sight)>, bool), Error> {
        let (db, user) = (self.db.read(), ctx.user_id()?);
        if !self.access.lists() {
            return Ok((Vec::new(), false));
        }
        let (words, ratings) = (words(query), max_rating.and_below());
        let wanted = wanted(limit);
        let found = characters::search_listed(db, &words, &ratings, before, wanted).await?;
        let (ids, more) = fitting(&found, limit, DOCUMENT_BYTES);
        let loaded = characters::load_listed(db, ids).await?.into_iter();
        let seen = loaded.map(|character| {
            let sight = Sight::of(user, character.owner_id, &character.sharing);
            (character, sight)
        });
        Ok((seen.collect(), more))
    }

    /// As [`Scenarios::list_listed_characters`], of scenarios.
    pub(crate) async fn list_listed_scenarios(
        &self,
        ctx: &Ctx,
        sought: &Sought,
        max_rating: Rating,
        limit: usize,
    ) -> Result<(Vec<Seen>, bool), Error> {
        let (db, user) = (self.db.read(), ctx.user_id()?);
        if !self.access.lists() {
            return Ok((Vec::new(), false));
        }
        let ratings = max_rating.and_below();
        let found = scenarios::search_listed(db, sought, &ratings, wanted(limit)).await?;
        let (ids, more) = fitting(&found, limit, DOCUMENT_BYTES);
        let loaded = scenarios::load_listed(db, ids).await?;
        let sight = |it: &Scenario| Sight::of(user, it.owner_id, &it.sharing);
        Ok((self.all_seen(loaded, sight).await?, more))
    }
}
