//! What a session was started from: what its scenario said then, with the blanks filled.

use serde::{Deserialize, Serialize};

use super::cast::{Cast, CastMember};
use super::ids::{LorebookId, ScenarioId, UserId};
use super::macros::Filled;
use super::scenario::{Blank, CastRole, MAX_ROLE_CHARS, Note, Variable};
use super::session::SessionScenario;

/// What prompts need of a scenario that a session was started from.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// The scenario; none if it was deleted.
    pub scenario_id: Option<ScenarioId>,
    /// Whose scenario it is.
    pub owner_id: UserId,
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
    /// Its roles. Who plays them is said by the session's cast.
    pub roles: Vec<CastRole>,
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

/// The roles of a scenario with the characters that play them in a session.
#[must_use]
pub fn played(roles: Vec<CastRole>, cast: &Cast) -> Vec<CastRole> {
    let members = cast.members();
    let filled = |role: CastRole| match members.iter().find(|it| it.role == role.name) {
        Some(member) => filled_by(role, member),
        None => role,
    };
    roles.into_iter().map(filled).collect()
}

fn filled_by(role: CastRole, member: &CastMember) -> CastRole {
    CastRole {
        character_id: Some(member.character_id),
        character_name: member.name.clone(),
        part: member.part.clone(),
        ..role
    }
}

/// The characters of a session as roles, in their order, each with a name of its own; then the roles that nobody plays.
#[must_use]
pub fn as_roles(mut roles: Vec<CastRole>, cast: &Cast) -> Vec<CastRole> {
    let mut all: Vec<CastRole> = Vec::new();
    for member in cast.members() {
        let own = roles.iter().position(|role| role.name == member.role);
        let role = match own {
            Some(at) => roles.remove(at),
            None => CastRole {
                name: free_name(&member.name, all.iter().chain(&roles)),
                ..CastRole::default()
            },
        };
        all.push(filled_by(role, member));
    }
    all.extend(roles);
    all
}

/// A name for a role that no other has.
fn free_name<'r>(name: &str, others: impl Iterator<Item = &'r CastRole> + Clone) -> String {
    let is_free = |name: &String| others.clone().all(|role| role.name != *name);
    let short = |chars: usize| name.chars().take(chars).collect::<String>();
    let first = short(MAX_ROLE_CHARS);
    if is_free(&first) {
        return first;
    }
    let mut numbered = (2_usize..).map(|number| {
        let number = format!(" {number}");
        short(MAX_ROLE_CHARS - number.len()) + &number
    });
    numbered.find(is_free).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use platform::Timestamp;

    use super::*;
    use crate::domain::ids::{CharacterId, SessionId};

    fn role(name: &str) -> CastRole {
        CastRole {
            name: name.to_owned(),
            ..CastRole::default()
        }
    }

    fn member(name: &str, role: &str) -> CastMember {
        let now = Timestamp::from_micros(1);
        CastMember {
            role: role.to_owned(),
            ..CastMember::new(SessionId::new(), CharacterId::new(), name.to_owned(), now)
        }
    }

    fn shown(roles: &[CastRole]) -> Vec<(&str, &str)> {
        let roles = roles.iter();
        roles.map(|it| (&*it.name, &*it.character_name)).collect()
    }

    #[test]
    fn roles_have_those_who_play_them() {
        let roles = vec![role("Captain"), role("Cook"), role("Mate")];
        let cast = vec![
            member("Tom", "Mate"),
            member("Mira", "Captain"),
            member("Wren", ""),
        ];
        let cast = Cast::of(cast, None);
        let all = played(roles.clone(), &cast);
        assert_eq!(
            shown(&all),
            [("Captain", "Mira"), ("Cook", ""), ("Mate", "Tom")]
        );
        let saved = as_roles(roles, &cast);
        let expected = [
            ("Mate", "Tom"),
            ("Captain", "Mira"),
            ("Wren", "Wren"),
            ("Cook", ""),
        ];
        assert_eq!(shown(&saved), expected);
    }

    #[test]
    fn characters_of_one_name_get_roles_of_their_own() {
        let long = "x".repeat(MAX_ROLE_CHARS + 3);
        let names = ["Tom", "Tom", "Cook", &long, &long];
        let cast = names.map(|name| member(name, ""));
        let saved = as_roles(vec![role("Cook")], &Cast::of(cast.into(), None));
        let cut = "x".repeat(MAX_ROLE_CHARS);
        let numbered = format!("{} 2", "x".repeat(MAX_ROLE_CHARS - 2));
        let names: Vec<&str> = saved.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["Tom", "Tom 2", "Cook 2", &cut, &numbered, "Cook"]);
    }
}
