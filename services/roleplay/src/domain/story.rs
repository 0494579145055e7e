//! What a session was started from: what its scenario said then, with the blanks filled.

use serde::{Deserialize, Serialize};

use super::ids::{LorebookId, ScenarioId, UserId};
use super::macros::Filled;
use super::scenario::{Blank, CastRole, Note, Variable};
use super::session::SessionScenario;

/// What prompts need of a scenario that a session was started from.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// The scenario; none if it was deleted.
    pub scenario_id: Option<ScenarioId>,
    /// Whose scenario it is.
    pub owner_id: UserId,
    /// The role that the session's character plays; empty if there was none.
    pub role: String,
    /// What is told.
    pub told: Told,
}

/// What of a story is in prompts. Stored as JSON: fields are only ever added.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// Where and how it takes place.
    pub premise: String,
    /// Notes of the author to the model.
    pub notes: Vec<Note>,
    /// What blanks and variables stand for.
    pub filled: Filled,
    /// Whether the session began with an opening of the scenario.
    pub has_opening: bool,
}

/// What a story was made of, for a scenario that is made of it. Stored as JSON: fields are only ever added.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// The first message.
    pub opening: String,
    /// What variables are worth, as the scenario says it.
    pub variables: Vec<Variable>,
    /// What was asked for.
    pub blanks: Vec<Blank>,
}

/// A story to store with a session.
#[derive(Debug, Clone, PartialEq)]
pub struct NewStory {
    /// What the scenario is called.
    pub name: String,
    /// What prompts need.
    pub story: Story,
    /// What it was made of.
    pub origin: Origin,
    /// The whole cast, with those characters that the person may use.
    pub cast: Vec<CastRole>,
    /// The lorebooks that it brings.
    pub lorebook_ids: Vec<LorebookId>,
}

impl NewStory {
    /// What the session itself knows of it.
    #[must_use]
    pub fn session_scenario(&self) -> SessionScenario {
        SessionScenario {
            id: self.story.scenario_id,
            name: self.name.clone(),
        }
    }
}
