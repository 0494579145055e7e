//! Who may use what others share: its owner, whoever has a good link to it, and everybody where it is listed.

use std::collections::HashMap;

use platform::Timestamp;
use sea_orm::ConnectionTrait;
use storage::signature::Signer;

use super::Error;
use crate::domain::ids::{CharacterId, ScenarioId, ShareLinkId, UserId};
use crate::domain::scenario::Scenario;
use crate::domain::sharing::{Rating, ShareLink, Shared, Sharing, Sight, Visibility};
use crate::infrastructure::queries::characters::{self, Known};
use crate::infrastructure::queries::{scenarios, share_links};

/// Between the id and the signature of a token.
const TOKEN_JOINT: char = '.';

/// Who may use what others share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SharedAccess {
    signer: Signer,
    /// Whether the platform lists things.
    listing: bool,
}

impl SharedAccess {
    pub(crate) fn new(signer: Signer, listing: bool) -> Self {
        Self { signer, listing }
    }

    /// The token of a link: its id, and what shows that it was given out. Nobody can make one of an id alone.
    pub(crate) fn token(&self, id: ShareLinkId) -> String {
        let signature = self.signer.sign(&ShareLink::signed_text(id));
        format!("{id}{TOKEN_JOINT}{signature}")
    }

    /// What the link of a token leads to; nothing for no token, and for one that is wrong, revoked or out of date.
    pub(super) async fn linked(
        &self,
        db: &impl ConnectionTrait,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Shared>, Error> {
        let Some((id, signature)) = token.split_once(TOKEN_JOINT) else {
            return Ok(None);
        };
        let Ok(id) = id.parse::<ShareLinkId>() else {
            return Ok(None);
        };
        if !self
            .signer
            .is_signed(&ShareLink::signed_text(id), signature)
        {
            return Ok(None);
        }
        let link = share_links::anyones(db, id).await?;
        Ok(link.filter(|link| link.is_good(now)).map(|link| link.to))
    }

    /// Whether the platform lists things.
    pub(super) fn lists(&self) -> bool {
        self.listing
    }

    /// Whether a thing is for everybody.
    pub(super) fn is_listed(&self, sharing: &Sharing) -> bool {
        self.listing && sharing.visibility == Visibility::Listed
    }

    /// Whether a person may open sessions with a thing, and what they see of it.
    pub(super) fn sight(
        &self,
        user: UserId,
        owner: UserId,
        sharing: &Sharing,
        is_linked: bool,
    ) -> Option<Sight> {
        let by_link = is_linked && sharing.visibility != Visibility::Private;
        let admitted = user == owner || by_link || self.is_listed(sharing);
        admitted.then(|| Sight::of(user, owner, sharing))
    }

    /// Refuses a character with which a person may open no sessions. Otherwise gives its name.
    pub(super) async fn usable_character(
        &self,
        db: &impl ConnectionTrait,
        user: UserId,
        id: CharacterId,
        linked: Option<Shared>,
    ) -> Result<String, Error> {
        self.characters(db, user, vec![id]).await?.name(id, linked)
    }

    /// What a person may do with these characters, asked for at once.
    pub(super) async fn characters(
        &self,
        db: &impl ConnectionTrait,
        user: UserId,
        ids: Vec<CharacterId>,
    ) -> Result<Usable<'_>, Error> {
        Ok(Usable {
            access: self,
            user,
            known: characters::known(db, ids).await?,
        })
    }

    /// A scenario that a person may start sessions from, by a link if there is a token.
    pub(super) async fn usable_scenario(
        &self,
        db: &impl ConnectionTrait,
        user: UserId,
        id: ScenarioId,
        token: &str,
        now: Timestamp,
    ) -> Result<(Scenario, Sight), Error> {
        let is_linked = self.linked(db, token, now).await? == Some(Shared::Scenario(id));
        let scenario = scenarios::anyones(db, id).await?;
        let scenario = scenario.ok_or(Error::NotFound("scenario"))?;
        let sight = self.sight(user, scenario.owner_id, &scenario.sharing, is_linked);
        Ok((scenario, sight.ok_or(Error::NotFound("scenario"))?))
    }

    /// Refuses to list what the platform doesn't list, and to share what nobody has rated.
    pub(super) fn check_sharing(
        &self,
        sharing: &Sharing,
        rating: &'static str,
    ) -> Result<(), Error> {
        if sharing.visibility == Visibility::Private {
            return Ok(());
        }
        if sharing.visibility == Visibility::Listed && !self.listing {
            return Err(Error::ListingOff);
        }
        if sharing.rating == Rating::Unrated {
            return Err(Error::Invalid {
                field: rating,
                description: "must be set for what others may use: say for whom it is meant",
            });
        }
        Ok(())
    }
}

/// What a person may do with several characters.
pub(super) struct Usable<'a> {
    access: &'a SharedAccess,
    user: UserId,
    known: HashMap<CharacterId, Known>,
}

impl Usable<'_> {
    /// Refuses a character with which the person may open no sessions. Otherwise gives its name.
    pub(super) fn name(&self, id: CharacterId, linked: Option<Shared>) -> Result<String, Error> {
        let is_linked = linked == Some(Shared::Character(id));
        let known = self.known.get(&id).filter(|it| self.admits(it, is_linked));
        let known = known.ok_or(Error::NotFound("character"))?;
        Ok(known.name.clone())
    }

    /// Whether the person may open sessions with a character by no link, or somebody who shares it with them could.
    pub(super) fn has(&self, id: CharacterId, sharer: Option<UserId>) -> bool {
        let is_usable = |it: &Known| Some(it.owner_id) == sharer || self.admits(it, false);
        self.known.get(&id).is_some_and(is_usable)
    }

    fn admits(&self, it: &Known, is_linked: bool) -> bool {
        let sight = self
            .access
            .sight(self.user, it.owner_id, &it.sharing, is_linked);
        sight.is_some()
    }
}
