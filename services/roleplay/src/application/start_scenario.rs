//! Starts sessions from scenarios.

use std::collections::BTreeMap;

use mesh::Ctx;
use service::RequestKey;

use super::create_session::NewSession;
use super::once::Once;
use super::{Chats, Error};
use crate::domain::ids::{CharacterId, LorebookId, PersonaId, ScenarioId, SessionId, UserId};
use crate::domain::macros::{Filled, Growth, Macros, Purpose};
use crate::domain::message::Message;
use crate::domain::scenario::{Answer, CastRole, Scenario, Variable, filled};
use crate::domain::session::{ReplySettings, Session, Setting};
use crate::domain::story::{NewStory, Origin, Story, Told};
use crate::infrastructure::queries::stories;

/// What macros may add to all variables together.
const MAX_GROWTH_BYTES: usize = 256 << 10;

/// A session to start from a scenario.
pub(crate) struct StartScenario {
    pub(crate) scenario_id: ScenarioId,
    /// The token of a link to it; empty for none.
    pub(crate) token: String,
    /// The role that is played; empty for the first one.
    pub(crate) role: String,
    /// Characters for roles by their names.
    pub(crate) castings: Vec<(String, CharacterId)>,
    pub(crate) answers: Vec<Answer>,
    /// What of the session is given.
    pub(crate) session: NewSessionOf,
}

/// What of a session is given that is started from a scenario.
pub(crate) struct NewSessionOf {
    /// The character of the role that is played; none for the scenario's.
    pub(crate) character_id: Option<CharacterId>,
    /// Whom the person plays; none for themselves.
    pub(crate) persona_id: Option<PersonaId>,
    /// Title; empty for the scenario's name.
    pub(crate) title: String,
    /// The model; empty for the default one.
    pub(crate) model_id: String,
    /// Settings that come before the scenario's.
    pub(crate) settings: ReplySettings,
    /// Which of them are set.
    pub(crate) set: Vec<Setting>,
}

/// What a session was started from, as its person may read it.
pub(crate) struct StartedFrom {
    pub(crate) name: String,
    pub(crate) story: Story,
    pub(crate) cast: Vec<CastRole>,
    /// What only who may read the scenario sees.
    pub(crate) inside: Option<Inside>,
}

/// The inside of a scenario.
pub(crate) struct Inside {
    pub(crate) variables: Vec<Variable>,
    pub(crate) lorebook_ids: Vec<LorebookId>,
}

/// The roles of a session to start, and who plays.
struct Casting {
    cast: Vec<CastRole>,
    role: String,
    character_id: CharacterId,
}

impl Chats {
    /// Starts a session from a scenario that the caller may use. A repeat of the request gets the session of the first.
    pub(crate) async fn start_scenario(
        &self,
        ctx: &Ctx,
        start: StartScenario,
        key: Option<RequestKey>,
    ) -> Result<(Session, Option<Message>), Error> {
        let (user, id, now) = (ctx.user_id()?, start.scenario_id, self.clock.now());
        let once = &Once::new(user, key).within(id);
        if let Some(opened) = self.opened_before(ctx, once).await? {
            return Ok(opened);
        }
        let (db, token) = (self.db.read(), &start.token);
        let usable = self.access.usable_scenario(db, user, id, token, now);
        let (scenario, _) = usable.await?;
        let blanks = filled(&scenario.script.blanks, &start.answers)?;
        let casting = self.casting(user, &scenario, &start).await?;
        let session = start.session;
        let opener = self.opener(ctx, session.persona_id).await?;
        let name = match casting.cast.iter().find(|role| role.name == casting.role) {
            Some(role) => role.character_name.clone(),
            None => String::new(),
        };
        let macros = Macros::of_names(&name, &opener.1.name, rand::random());
        let filled = with_variables(&scenario.script.variables, blanks, macros)?;
        let mut settings = scenario.script.settings.clone();
        settings.take(&session.set, &session.settings);
        let new = NewSession {
            character_id: casting.character_id,
            persona_id: session.persona_id,
            title: match session.title.is_empty() {
                true => scenario.script.name.clone(),
                false => session.title,
            },
            model_id: session.model_id,
            settings,
            story: Some(story_of(scenario, casting.role, casting.cast, filled)),
        };
        self.open_session(ctx, new, opener, once).await
    }

    /// Who plays: the characters that the request names, and those of the scenario that the person may use with it.
    async fn casting(
        &self,
        user: UserId,
        scenario: &Scenario,
        start: &StartScenario,
    ) -> Result<Casting, Error> {
        let db = self.db.read();
        let played = scenario.role(&start.role).map(|role| role.name.clone());
        if played.is_none() && !start.role.is_empty() {
            return Err(unknown_role("role"));
        }
        let is_known = |name: &String| scenario.cast.iter().any(|role| role.name == *name);
        if !start.castings.iter().all(|(name, _)| is_known(name)) {
            return Err(unknown_role("castings"));
        }
        let mut cast = scenario.cast.clone();
        for role in &mut cast {
            let is_played = played.as_ref() == Some(&role.name);
            let named = start.castings.iter().find(|(name, _)| *name == role.name);
            let named = named.map(|(_, id)| *id);
            let named = start.session.character_id.filter(|_| is_played).or(named);
            if let Some(id) = named {
                role.character_name = self.access.usable_character(db, user, id, None).await?;
                role.character_id = Some(id);
            } else if let Some(id) = role.character_id {
                // Who shares a scenario shares their own characters with it.
                let sharer = Some(scenario.owner_id);
                let is_usable = self.access.is_usable(db, user, sharer, id).await?;
                role.character_id = Some(id).filter(|_| is_usable);
            }
        }
        let of_role = cast.iter().find(|role| played.as_ref() == Some(&role.name));
        let character_id = match (of_role, start.session.character_id) {
            (Some(role), _) => role.character_id,
            // A scenario without roles is played by any character.
            (None, Some(id)) => {
                self.access.usable_character(db, user, id, None).await?;
                Some(id)
            }
            (None, None) => None,
        };
        let role = played.unwrap_or_default();
        match character_id {
            Some(character_id) => Ok(Casting {
                cast,
                role,
                character_id,
            }),
            None => Err(Error::RoleOpen(role)),
        }
    }

    /// What a session of the caller was started from.
    pub(crate) async fn get_session_scenario(
        &self,
        ctx: &Ctx,
        id: SessionId,
    ) -> Result<StartedFrom, Error> {
        let session = self.get_session(ctx, id).await?;
        let story = self.story(&session).await?;
        let (Some(story), Some(scenario)) = (story, session.scenario) else {
            return Err(Error::NotFound("scenario"));
        };
        let db = self.db.read();
        let is_secret = self
            .is_story_secret(ctx.user_id()?, Some(story.as_ref()))
            .await?;
        let values = &story.told.filled.variables;
        let variables = values.iter().map(|(name, value)| Variable {
            name: name.clone(),
            value: value.clone(),
        });
        let inside = match is_secret {
            true => None,
            false => Some(Inside {
                variables: variables.collect(),
                lorebook_ids: stories::lorebook_ids(db, id).await?,
            }),
        };
        Ok(StartedFrom {
            name: scenario.name,
            cast: stories::cast(db, id).await?,
            story: story.as_ref().clone(),
            inside,
        })
    }
}

fn unknown_role(field: &'static str) -> Error {
    let description = "must name a role of the scenario, as its cast spells it";
    Error::Invalid { field, description }
}

/// Blanks with the values of variables, which may name blanks.
fn with_variables(
    variables: &[Variable],
    blanks: BTreeMap<String, String>,
    macros: Macros<'_>,
) -> Result<Filled, Error> {
    let mut filled = Filled {
        blanks,
        ..Filled::default()
    };
    let growth = Growth::within(MAX_GROWTH_BYTES);
    let macros = Macros {
        filled: Some(&filled),
        ..macros
    };
    let values = variables.iter().map(|variable| {
        let value = macros.render_within(&variable.value, Purpose::Prompt, &growth);
        (variable.name.clone(), value.into_owned())
    });
    let values = values.collect();
    growth.check()?;
    filled.variables = values;
    Ok(filled)
}

fn story_of(scenario: Scenario, role: String, cast: Vec<CastRole>, filled: Filled) -> NewStory {
    let script = scenario.script;
    NewStory {
        name: script.name,
        story: Story {
            scenario_id: Some(scenario.id),
            owner_id: scenario.owner_id,
            role,
            told: Told {
                premise: script.premise,
                notes: script.notes,
                filled,
                has_opening: !script.opening.trim().is_empty(),
            },
        },
        origin: Origin {
            opening: script.opening,
            variables: script.variables,
            blanks: script.blanks,
        },
        cast,
        lorebook_ids: scenario.lorebook_ids,
    }
}
