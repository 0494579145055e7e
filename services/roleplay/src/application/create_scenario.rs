//! Makes scenarios: from scratch, of a character, and of a session.

use mesh::Ctx;
use service::RequestKey;

use super::Error;
use super::once::Once;
use super::scenarios::{Scenarios, Seen, fill_cast};
use crate::domain::card::TextField;
use crate::domain::character::Character;
use crate::domain::ids::{CharacterId, LorebookId, ScenarioId, UserId};
use crate::domain::scenario::{
    CastRole, MAX_NAME_CHARS, MAX_ROLE_CHARS, MAX_TAG_CHARS, MAX_TAGS, Scenario, Script, check,
};
use crate::domain::session::Setting;
use crate::domain::sharing::{Sharing, SharingPatch};
use crate::infrastructure::queries::characters;

/// The parts of a scenario, which can be changed each by itself; none leaves a part as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct ScenarioPatch {
    /// What it says. Only what the mask names of it counts.
    pub(crate) script: Script,
    /// Which parts of the script change.
    pub(crate) changed: Vec<ScriptPart>,
    /// Which of its settings change.
    pub(crate) changed_settings: Vec<Setting>,
    /// Its roles.
    pub(crate) cast: Option<Vec<CastRole>>,
    /// Its lorebooks.
    pub(crate) lorebook_ids: Option<Vec<LorebookId>>,
    /// How it is shared.
    pub(crate) sharing: SharingPatch,
}

/// A part of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScriptPart {
    Name,
    Description,
    Tags,
    Premise,
    Opening,
    Notes,
    Variables,
    Blanks,
}

impl ScenarioPatch {
    /// Changes a scenario.
    pub(super) fn apply(&self, scenario: &mut Scenario) {
        let (script, new) = (&mut scenario.script, &self.script);
        for part in &self.changed {
            match part {
                ScriptPart::Name => script.name.clone_from(&new.name),
                ScriptPart::Description => script.description.clone_from(&new.description),
                ScriptPart::Tags => script.tags.clone_from(&new.tags),
                ScriptPart::Premise => script.premise.clone_from(&new.premise),
                ScriptPart::Opening => script.opening.clone_from(&new.opening),
                ScriptPart::Notes => script.notes.clone_from(&new.notes),
                ScriptPart::Variables => script.variables.clone_from(&new.variables),
                ScriptPart::Blanks => script.blanks.clone_from(&new.blanks),
            }
        }
        (script.settings).take(&self.changed_settings, &new.settings);
        if let Some(cast) = &self.cast {
            scenario.cast.clone_from(cast);
        }
        if let Some(ids) = &self.lorebook_ids {
            scenario.lorebook_ids.clone_from(ids);
        }
        scenario.sharing = scenario.sharing.with(&self.sharing);
    }
}

impl Scenarios {
    /// Makes a scenario; a repeat of the request gets the one that the first made.
    pub(crate) async fn create_scenario(
        &self,
        ctx: &Ctx,
        patch: &ScenarioPatch,
        key: Option<RequestKey>,
    ) -> Result<Seen, Error> {
        let mut scenario = self.blank(ctx.user_id()?);
        patch.apply(&mut scenario);
        let kept = self.keep(ctx, scenario, key).await;
        kept.map_err(Error::of_scenario)
    }

    /// Makes a scenario of a character of the caller.
    pub(crate) async fn create_from_character(
        &self,
        ctx: &Ctx,
        id: CharacterId,
        name: String,
        key: Option<RequestKey>,
    ) -> Result<Seen, Error> {
        let user = ctx.user_id()?;
        let character = characters::find(self.db.read(), user, id).await?;
        let character = character.ok_or(Error::NotFound("character"))?;
        let scenario = of_character(self.blank(user), &character, name);
        self.keep(ctx, scenario, key).await
    }

    /// A scenario of a person that says nothing yet.
    pub(super) fn blank(&self, user: UserId) -> Scenario {
        let now = self.clock.now();
        Scenario {
            id: ScenarioId::new(),
            owner_id: user,
            script: Script::default(),
            cast: Vec::new(),
            lorebook_ids: Vec::new(),
            sharing: Sharing::default(),
            create_time: now,
            update_time: now,
        }
    }

    /// Stores a new scenario of the caller.
    pub(super) async fn keep(
        &self,
        ctx: &Ctx,
        mut scenario: Scenario,
        key: Option<RequestKey>,
    ) -> Result<Seen, Error> {
        let (db, user) = (self.db.read(), ctx.user_id()?);
        let once = &Once::new(user, key);
        if let Some(made) = self.made_before(user, once).await? {
            return Ok(made);
        }
        check(&scenario.script, &scenario.cast, &scenario.lorebook_ids)?;
        self.access
            .check_sharing(&scenario.sharing, "scenario.rating")?;
        fill_cast(db, &self.access, user, &mut scenario.cast, &[]).await?;
        self.keep_once(ctx, &scenario.into(), once).await
    }
}

/// A scenario with a character in its only role, and with what its card says of both.
pub(super) fn of_character(
    mut scenario: Scenario,
    character: &Character,
    name: String,
) -> Scenario {
    let card = &character.card;
    let shown = card.display_name();
    let tags = card.tags().into_iter();
    let tags = tags.filter(|tag| tag.chars().count() <= MAX_TAG_CHARS);
    scenario.script = Script {
        name: match name.is_empty() {
            true => shown.chars().take(MAX_NAME_CHARS).collect(),
            false => name,
        },
        tags: tags.take(MAX_TAGS).map(Into::into).collect(),
        premise: card.text(TextField::Scenario).into_owned(),
        opening: card.text(TextField::FirstMes).into_owned(),
        ..Script::default()
    };
    scenario.cast = vec![CastRole {
        name: shown.chars().take(MAX_ROLE_CHARS).collect(),
        character_id: Some(character.id),
        character_name: card.name().into_owned(),
        ..CastRole::default()
    }];
    scenario.sharing.rating = character.sharing.rating;
    scenario
}
