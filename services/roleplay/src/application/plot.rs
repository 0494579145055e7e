//! What a session plays: its character, and the scenario that it was started from; and whether the person may read them.

use std::sync::Arc;

use super::cast::Sheet;
use super::{Chats, Error};
use crate::domain::ids::{CharacterId, ScenarioId, UserId};
use crate::domain::prompt::Veils;
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
    /// What those who wrote parts of its prompts may not read of each other's.
    pub(super) veils: Veils,
}

/// What somebody shares; none if it was deleted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shared {
    Card(Option<CharacterId>),
    Scenario(Option<ScenarioId>),
}

impl Plot {
    /// What a session of somebody plays that is being opened, with nothing of the scenario kept from them: for what is only checked.
    pub(super) fn begun(user: UserId, sheet: Arc<Sheet>, story: &NewStory) -> Self {
        let story = &story.story;
        Self {
            is_card_secret: sheet.is_hidden_from(user),
            is_story_secret: false,
            veils: Veils {
                card_from_scenario: sheet.is_hidden_from(story.owner_id),
                ..Veils::default()
            },
            sheet: Some(sheet),
            story: Some(Arc::new(story.clone())),
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
        let is_story_shown = match &story {
            Some(story) => self.is_shown(Shared::Scenario(story.scenario_id)).await?,
            None => true,
        };
        let is_card_hidden =
            |from: UserId| sheet.as_ref().is_some_and(|it| it.is_hidden_from(from));
        let hidden_story = story.as_ref().filter(|_| !is_story_shown);
        let is_story_hidden =
            |from: UserId| hidden_story.is_some_and(|story| story.owner_id != from);
        // What one of several people writes is read by the others too.
        let others = session.shared;
        let is_card_kept = sheet.as_ref().is_some_and(|it| others && !it.is_shown);
        let veils = Veils {
            card_from_people: is_card_kept || is_card_hidden(user),
            scenario_from_people: (others && !is_story_shown) || is_story_hidden(user),
            card_from_scenario: story.as_ref().is_some_and(|it| is_card_hidden(it.owner_id)),
            scenario_from_card: sheet
                .as_ref()
                .is_some_and(|it| is_story_hidden(it.owner_id)),
        };
        Ok(Plot {
            is_card_secret: is_card_hidden(user),
            is_story_secret: is_story_hidden(user),
            veils,
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

    /// Whether what a session was started from is somebody else's scenario who doesn't show it.
    pub(super) async fn is_story_secret(
        &self,
        user: UserId,
        story: Option<&Story>,
    ) -> Result<bool, Error> {
        match story {
            Some(story) => {
                let scenario = Shared::Scenario(story.scenario_id);
                self.is_secret(user, story.owner_id, scenario).await
            }
            None => Ok(false),
        }
    }

    /// Whether a card or a scenario is somebody else's who doesn't show it.
    pub(super) async fn is_secret(
        &self,
        user: UserId,
        owner: UserId,
        shared: Shared,
    ) -> Result<bool, Error> {
        Ok(user != owner && !self.is_shown(shared).await?)
    }

    /// Whether others who may use it see all of it. What was deleted isn't shown any more.
    async fn is_shown(&self, shared: Shared) -> Result<bool, Error> {
        let db = self.db.read();
        let sharing = match shared {
            Shared::Card(Some(id)) => {
                let found = characters::sharing(db, id).await?;
                found.map(|(_, _, sharing)| sharing)
            }
            Shared::Scenario(Some(id)) => scenarios::sharing(db, id).await?,
            Shared::Card(None) | Shared::Scenario(None) => None,
        };
        Ok(sharing.is_some_and(|sharing| sharing.shows_all()))
    }
}
