//! What sessions were started from, and whether a person may read that and the cards that play.

use std::sync::Arc;

use super::{Chats, Error};
use crate::domain::ids::{CharacterId, ScenarioId, UserId};
use crate::domain::session::Session;
use crate::domain::story::Story;
use crate::infrastructure::queries::{characters, scenarios, stories};

/// What a story says in the place of the card's scenario.
pub(super) fn premise(story: &Story) -> Option<&str> {
    Some(story.told.premise.as_str()).filter(|it| !it.trim().is_empty())
}

impl Chats {
    /// What a session was started from.
    pub(super) async fn story(&self, session: &Session) -> Result<Option<Arc<Story>>, Error> {
        if session.scenario.is_none() {
            return Ok(None);
        }
        let story = stories::find(self.db.read(), session.id).await?;
        Ok(story.map(Arc::new))
    }

    /// Whether what a session was started from is somebody else's scenario who doesn't show it.
    pub(super) async fn is_story_secret(
        &self,
        user: UserId,
        story: Option<&Story>,
    ) -> Result<bool, Error> {
        match story {
            Some(story) => {
                self.is_scenario_secret(user, story.owner_id, story.scenario_id)
                    .await
            }
            None => Ok(false),
        }
    }

    /// Whether a scenario is somebody else's who doesn't show it.
    pub(super) async fn is_scenario_secret(
        &self,
        user: UserId,
        owner: UserId,
        id: Option<ScenarioId>,
    ) -> Result<bool, Error> {
        Ok(user != owner && !self.is_scenario_shown(id).await?)
    }

    /// Whether others who may use a scenario see all of it. Of one that was deleted nobody knows, so they don't.
    pub(super) async fn is_scenario_shown(&self, id: Option<ScenarioId>) -> Result<bool, Error> {
        let sharing = match id {
            Some(id) => scenarios::sharing(self.db.read(), id).await?,
            None => None,
        };
        Ok(sharing.is_some_and(|sharing| sharing.shows_all()))
    }

    /// Whether one of these cards is somebody else's who doesn't show it. Of one that was deleted nobody knows, so it is.
    pub(super) async fn is_a_card_secret(
        &self,
        user: UserId,
        cards: &[(UserId, Option<CharacterId>)],
    ) -> Result<bool, Error> {
        let others = cards.iter().filter(|(owner, _)| *owner != user);
        let others: Vec<Option<CharacterId>> = others.map(|(_, id)| *id).collect();
        let ids = others.iter().flatten().copied().collect();
        let known = characters::known(self.db.read(), ids).await?;
        let is_shown = |id: &CharacterId| known.get(id).is_some_and(|it| it.sharing.shows_all());
        let are_shown = others.iter().all(|id| id.as_ref().is_some_and(is_shown));
        Ok(!are_shown)
    }
}
