//! Starts sessions from scenarios.

use std::collections::BTreeMap;

use mesh::Ctx;
use service::RequestKey;

use super::cast_members::NewMember;
use super::create_session::NewSession;
use super::once::Once;
use super::{Chats, Error};
use crate::domain::ids::{CharacterId, LorebookId, PersonaId, ScenarioId, SessionId, UserId};
use crate::domain::macros::{Filled, Growth, Macros, Purpose};
use crate::domain::message::Message;
use crate::domain::scenario::{Answer, CastRole, Scenario, Variable, filled};
use crate::domain::session::{ReplySettings, Session, Setting};
use crate::domain::story::{NewStory, Origin, Story, Told, played};
use crate::infrastructure::queries::{cast, stories};

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
    /// Characters that join those of the scenario.
    pub(crate) cast: Vec<NewMember>,
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
    /// The role of the session's character; empty for none.
    pub(crate) role: String,
    /// Its roles, with who plays them now.
    pub(crate) cast: Vec<CastRole>,
    /// What only who may read the scenario sees.
    pub(crate) inside: Option<Inside>,
}

/// The inside of a scenario.
pub(crate) struct Inside {
    pub(crate) variables: Vec<Variable>,
    pub(crate) lorebook_ids: Vec<LorebookId>,
}

/// The roles of a session to start, and who plays, the one that was asked for first.
struct Casting {
    roles: Vec<CastRole>,
    first: NewMember,
    others: Vec<NewMember>,
    /// What the first is called.
    name: String,
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
        let macros = Macros::of_names(&casting.name, &opener.1.name, rand::random());
        let filled = with_variables(&scenario.script.variables, blanks, macros)?;
        let mut settings = scenario.script.settings.clone();
        settings.take(&session.set, &session.settings);
        let new = NewSession {
            first: casting.first,
            others: casting.others,
            persona_id: session.persona_id,
            title: match session.title.is_empty() {
                true => scenario.script.name.clone(),
                false => session.title,
            },
            model_id: session.model_id,
            settings,
            story: Some(story_of(scenario, casting.roles, filled)),
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
        let played = scenario.role(&start.role).map(|role| &role.name);
        if played.is_none() && !start.role.is_empty() {
            return Err(unknown_role("role"));
        }
        let is_known = |name: &String| scenario.cast.iter().any(|role| role.name == *name);
        if !start.castings.iter().all(|(name, _)| is_known(name)) {
            return Err(unknown_role("castings"));
        }
        let usable = self
            .access
            .characters(self.db.read(), user, named(scenario, start));
        let usable = usable.await?;
        let mut roles = scenario.cast.clone();
        for role in &mut roles {
            let given = start.given(&role.name, played == Some(&role.name));
            if let Some(id) = given {
                role.character_name = usable.name(id, None)?;
                role.character_id = Some(id);
            } else {
                // Who shares a scenario shares their own characters with it.
                let sharer = Some(scenario.owner_id);
                role.character_id = role.character_id.filter(|id| usable.has(*id, sharer));
            }
        }
        for other in &start.session.cast {
            usable.name(other.character_id, None)?;
        }
        let (first, name) = match (
            roles.iter().find(|role| played == Some(&role.name)),
            start.session.character_id,
        ) {
            (Some(role), _) => (member_of(role), role.character_name.clone()),
            // A scenario without roles is played by any character.
            (None, Some(id)) => (Some(NewMember::of(id)), usable.name(id, None)?),
            (None, None) => (None, String::new()),
        };
        let mut first =
            first.ok_or_else(|| Error::RoleOpen(played.cloned().unwrap_or_default()))?;
        // Who is asked for is to speak.
        first.part.is_muted &= start.role.is_empty();
        Ok(Casting {
            others: others(&roles, &first, &start.session.cast),
            roles,
            first,
            name,
        })
    }

    /// What a session of the caller was started from.
    pub(crate) async fn get_session_scenario(
        &self,
        ctx: &Ctx,
        id: SessionId,
    ) -> Result<StartedFrom, Error> {
        let session = self.get_session(ctx, id).await?;
        let story = self.story(&session).await?;
        let (Some(story), Some(scenario)) = (story, session.scenario.clone()) else {
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
        let cast = cast::of(db, &session).await?;
        let role = cast.first().map(|it| it.role.clone());
        Ok(StartedFrom {
            name: scenario.name,
            role: role.unwrap_or_default(),
            cast: played(stories::roles(db, id).await?, &cast),
            story: story.as_ref().clone(),
            inside,
        })
    }
}

impl StartScenario {
    /// The character that the request names for a role.
    fn given(&self, role: &str, is_played: bool) -> Option<CharacterId> {
        let mut castings = self.castings.iter();
        let named = castings.find(|(name, _)| name == role).map(|(_, id)| *id);
        self.session.character_id.filter(|_| is_played).or(named)
    }
}

/// All characters that a scenario or the request names.
fn named(scenario: &Scenario, start: &StartScenario) -> Vec<CharacterId> {
    let of_roles = scenario.cast.iter().filter_map(|role| role.character_id);
    let castings = start.castings.iter().map(|(_, id)| *id);
    let joining = start.session.cast.iter().map(|it| it.character_id);
    let all = of_roles.chain(castings).chain(joining);
    all.chain(start.session.character_id).collect()
}

fn member_of(role: &CastRole) -> Option<NewMember> {
    Some(NewMember {
        role: role.name.clone(),
        part: role.part.clone(),
        ..NewMember::of(role.character_id?)
    })
}

/// Who plays beside the first: a character that fills several roles plays the first of them.
fn others(roles: &[CastRole], first: &NewMember, joining: &[NewMember]) -> Vec<NewMember> {
    let mut others: Vec<NewMember> = Vec::new();
    for member in roles.iter().filter_map(member_of) {
        let plays = |it: &NewMember| it.character_id == member.character_id;
        if !plays(first) && !others.iter().any(plays) {
            others.push(member);
        }
    }
    others.extend_from_slice(joining);
    others
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

fn story_of(scenario: Scenario, roles: Vec<CastRole>, filled: Filled) -> NewStory {
    let script = scenario.script;
    NewStory {
        name: script.name,
        story: Story {
            scenario_id: Some(scenario.id),
            owner_id: scenario.owner_id,
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
        roles,
        lorebook_ids: scenario.lorebook_ids,
    }
}
