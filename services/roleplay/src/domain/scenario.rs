//! Scenarios: what sessions start from. A scenario with blanks is a template.

mod blanks;
mod check;
mod error;
mod file;
mod schema;

use platform::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::cast::Part;
use super::etag::hash_etag;
use super::ids::{CharacterId, LorebookId, ScenarioId, UserId};
use super::role::Role;
use super::search::folded;
use super::session::ReplySettings;
use super::sharing::Sharing;

pub use self::{
    blanks::{Answer, AnswerError, Blank, BlankKind, filled},
    check::{MAX_BYTES, MAX_LOREBOOKS, MAX_TAGS, check, check_size, has_nul},
    error::ScenarioError,
    file::{FileRole, ScenarioFile},
};

/// The longest name of a scenario, in characters.
pub const MAX_NAME_CHARS: usize = 200;
/// The longest tag, in characters.
pub const MAX_TAG_CHARS: usize = 100;
/// The longest name of a role, in characters.
pub const MAX_ROLE_CHARS: usize = 100;
/// Where a note stands that doesn't say it: as deep as an author's note in SillyTavern.
pub const NOTE_DEPTH: u32 = 4;

/// A scenario that somebody keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its id.
    pub id: ScenarioId,
    /// Whose it is.
    pub owner_id: UserId,
    /// What it says.
    pub script: Script,
    /// Its roles, in their order.
    pub cast: Vec<CastRole>,
    /// The lorebooks that its sessions use, in their order.
    pub lorebook_ids: Vec<LorebookId>,
    /// How it is shared.
    pub sharing: Sharing,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
}

/// What a scenario says. Stored as JSON, and written into files: fields are only ever added.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// Name.
    pub name: String,
    /// What it is about, for people.
    pub description: String,
    /// Tags, for the search.
    pub tags: Vec<String>,
    /// Where and how it takes place.
    pub premise: String,
    /// The first message.
    pub opening: String,
    /// Notes of the author to the model.
    pub notes: Vec<Note>,
    /// What variables are worth at first.
    pub variables: Vec<Variable>,
    /// What is asked for at the start.
    pub blanks: Vec<Blank>,
    /// How replies are generated.
    pub settings: ReplySettings,
}

/// A part that a character plays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CastRole {
    /// Its name.
    pub name: String,
    /// What it is about, for people.
    pub description: String,
    /// The character that fills it; none while it is open.
    pub character_id: Option<CharacterId>,
    /// The character's name; of an open role, that of the last.
    pub character_name: String,
    /// How whoever fills it takes part.
    pub part: Part,
}

/// A note of the author to the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What it says.
    pub text: String,
    /// Messages between the note and the end of the history.
    #[serde(default = "note_depth")]
    pub depth: u32,
    /// As whom it speaks.
    #[serde(default = "note_role")]
    pub role: Role,
}

fn note_depth() -> u32 {
    NOTE_DEPTH
}

fn note_role() -> Role {
    Role::System
}

/// What a variable is worth.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Scenario {
    /// Whether something is asked for at its start.
    #[must_use]
    pub fn is_template(&self) -> bool {
        !self.script.blanks.is_empty()
    }

    /// What tells this state of it from others.
    #[must_use]
    pub fn etag(&self) -> String {
        let mut state = Sha256::new();
        // What has no other end has its length before it.
        let mut add = |part: &[u8]| {
            state.update(part.len().to_be_bytes());
            state.update(part);
        };
        add(&serde_json::to_vec(&self.script).unwrap_or_default());
        add(&serde_json::to_vec(&self.sharing).unwrap_or_default());
        for role in &self.cast {
            add(role.name.as_bytes());
            add(role.description.as_bytes());
            add(format!("{:?}{:?}", role.character_id, role.part).as_bytes());
        }
        for id in &self.lorebook_ids {
            add(id.to_string().as_bytes());
        }
        hash_etag(state)
    }

    /// The role of a name, or the first one where none is named.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<&CastRole> {
        match name {
            "" => self.cast.first(),
            name => self.cast.iter().find(|role| role.name == name),
        }
    }
}

impl Script {
    /// What a search looks at: name, description and tags, folded.
    #[must_use]
    pub fn searched_text(&self) -> String {
        let mut parts = vec![self.name.as_str(), self.description.as_str()];
        parts.extend(self.tags.iter().map(String::as_str));
        folded(&parts.join("\n"))
    }
}
