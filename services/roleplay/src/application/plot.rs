//! What a session plays: its character, and the scenario that it was started from; and whether the person may read them.

use std::sync::Arc;

use super::cast::Sheet;
use super::{Chats, Error};
use crate::domain::ids::{CharacterId, ScenarioId, UserId};
use crate::domain::session::Session;
use crate::domain::story::{NewStory, Story};
use crate::infrastructure::queries::{characters, scenarios, stories};

/// What a session plays.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    /// None if the character was deleted.
    pub(super) sheet: Option<Arc<Sheet>>,
    /// None if it was started from no scenario.
    pub(super) story: Option<Arc<Story>>,
    /// Whether the card is somebody else's, who doesn't show it to the caller.
    pub(super) is_card_secret: bool,
    /// Whether the scenario is.
    pub(super) is_story_secret: bool,
}

impl Plot {
    /// What a session plays that is being opened, with nothing kept from anybody: for what is only checked.
    pub(super) fn begun(sheet: Arc<Sheet>, story: &NewStory) -> Self {
        Self {
            sheet: Some(sheet),
            story: Some(Arc::new(story.story.clone())),
            is_card_secret: false,
            is_story_secret: false,
        }
    }

    /// Whether the caller may not read all of it.
    pub(super) fn is_secret(&self) -> bool {
        self.is_card_secret || self.is_story_secret
    }
}

/// What a story says in the place of the card's scenario.
pub(super) fn premise(story: &Story) -> Option<&str> {
    Some(story.told.premise.as_str()).filter(|it| !it.trim().is_empty())
}

impl Chats {
    /// What a session plays, as far as those may know it whose place in it this is.
    pub(super) async fn plot(&self, session: &Session) -> Result<Plot, Error> {
        let started = session.scenario.as_ref().map(|_| session.id);
        let sheet = async {
            match session.character_id {
                Some(id) => self.sheet(id, &session.settings.prompt, started).await,
                None => Ok(None),
            }
        };
        let (sheet, story) = tokio::try_join!(sheet, self.story(session))?;
        let user = session.me.user_id;
        let is_hidden = |sheet: &Arc<Sheet>| sheet.owner_id != user && !sheet.is_shown;
        Ok(Plot {
            is_card_secret: sheet.as_ref().is_some_and(is_hidden),
            is_story_secret: self.is_story_secret(user, story.as_deref()).await?,
            sheet,
            story,
        })
    }

    /// What a session was started from.
    pub(super) async fn story(&self, session: &Session) -> Result<Option<Arc<Story>>, Error> {
        if session.scenario.is_none() {
            return Ok(None);
        }
        let story = stories::find(self.db.read(), session.id).await?;
        Ok(story.map(Arc::new))
    }

    /// Whether a scenario is somebody else's who doesn't show it.
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

    /// As [`Chats::is_story_secret`]. Of one that was deleted nobody knows, so it is.
    pub(super) async fn is_scenario_secret(
        &self,
        user: UserId,
        owner: UserId,
        id: Option<ScenarioId>,
    ) -> Result<bool, Error> {
        if user == owner {
            return Ok(false);
        }
        let sharing = match id {
            Some(id) => scenarios::sharing(self.db.read(), id).await?,
            None => None,
        };
        Ok(!sharing.is_some_and(|sharing| sharing.shows_all()))
    }

    /// Whether a card is somebody else's who doesn't show it. Of one that was deleted nobody knows, so it is.
    pub(super) async fn is_card_secret(
        &self,
        user: UserId,
        owner: UserId,
        id: Option<CharacterId>,
    ) -> Result<bool, Error> {
        if user == owner {
            return Ok(false);
        }
        let found = match id {
            Some(id) => characters::sharing(self.db.read(), id).await?,
            None => None,
        };
        Ok(!found.is_some_and(|(_, _, sharing)| sharing.shows_all()))
    }
}
