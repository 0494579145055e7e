//! Scenarios.

use prost_types::FieldMask;
use service::{fields, masked};
use tonic::Status;
use troupe_proto::types::ChatRole;
use troupe_proto::{Reason, error, roleplay as pb};

use super::avatar::addresses_of;
use super::etag_of_shown;
use super::session::{SETTINGS, settings};
use super::sharing::{asked_rating, asked_visibility, rating, visibility};
use crate::application::{Characters, ScenarioPatch, ScriptPart, Seen, StartedFrom};
use crate::domain::cast::Part;
use crate::domain::ids::SessionId;
use crate::domain::role::Role;
use crate::domain::scenario::{
    Answer, Blank, BlankKind, CastRole, NOTE_DEPTH, Note, Scenario, Script, Variable,
};
use crate::domain::sharing::{SharingPatch, Sight};

/// The contract's names of the parts of a script.
const PARTS: [(&str, ScriptPart); 8] = [
    ("name", ScriptPart::Name),
    ("description", ScriptPart::Description),
    ("tags", ScriptPart::Tags),
    ("premise", ScriptPart::Premise),
    ("opening", ScriptPart::Opening),
    ("notes", ScriptPart::Notes),
    ("variables", ScriptPart::Variables),
    ("blanks", ScriptPart::Blanks),
];
/// What lists don't show.
const UNLISTED: [&str; 6] = [
    "premise",
    "opening",
    "lorebook_ids",
    "notes",
    "variables",
    "settings",
];
/// Ends the etag of a scenario that is shown without these.
const PART: &str = ".part";

/// A scenario as its reader sees it.
pub(crate) fn seen(characters: &Characters, seen: Seen) -> pb::Scenario {
    let shown = match seen.sight {
        Sight::Own => whole(seen.scenario),
        Sight::Shown => of_others(whole(seen.scenario)),
        Sight::Hidden => of_others(pb::Scenario {
            // Each change of what isn't shown would be told by it.
            update_time: Some(seen.scenario.create_time.into()),
            ..basic(seen.scenario)
        }),
    };
    let picture = seen.picture;
    pb::Scenario {
        avatar: picture.map(|(id, version)| addresses_of(characters, id, &version)),
        ..shown
    }
}

/// A scenario as a list shows it. Its etag tells it from the whole: sent back, it would clear the texts that it hasn't.
pub(crate) fn listed(characters: &Characters, seen: Seen) -> pb::Scenario {
    let picture = seen.picture;
    let own = seen.sight == Sight::Own;
    let etag = seen.scenario.etag() + PART;
    let update_time = match seen.sight {
        Sight::Hidden => seen.scenario.create_time,
        _ => seen.scenario.update_time,
    };
    let shown = pb::Scenario {
        etag,
        update_time: Some(update_time.into()),
        ..basic(seen.scenario)
    };
    pb::Scenario {
        avatar: picture.map(|(id, version)| addresses_of(characters, id, &version)),
        ..if own { shown } else { of_others(shown) }
    }
}

/// The etag of a scenario that a client has seen, whole or in a list.
pub(crate) fn seen_etag(etag: &str) -> &str {
    etag.strip_suffix(PART).unwrap_or(etag)
}

/// A scenario of somebody else. It can't be changed.
fn of_others(mut shown: pb::Scenario) -> pb::Scenario {
    shown.owned = false;
    shown.etag = String::new();
    shown.etag = etag_of_shown(&shown);
    shown
}

fn basic(scenario: Scenario) -> pb::Scenario {
    pb::Scenario {
        id: scenario.id.to_string(),
        is_template: scenario.is_template(),
        etag: scenario.etag(),
        name: scenario.script.name,
        description: scenario.script.description,
        tags: scenario.script.tags,
        rating: rating(scenario.sharing.rating).into(),
        visibility: visibility(scenario.sharing.visibility).into(),
        texts_shown: scenario.sharing.shown,
        cast: scenario.cast.into_iter().map(role).collect(),
        blanks: scenario.script.blanks.into_iter().map(blank).collect(),
        owned: true,
        create_time: Some(scenario.create_time.into()),
        update_time: Some(scenario.update_time.into()),
        ..pb::Scenario::default()
    }
}

fn whole(scenario: Scenario) -> pb::Scenario {
    let script = scenario.script.clone();
    let books = scenario.lorebook_ids.iter().map(ToString::to_string);
    pb::Scenario {
        premise: script.premise,
        opening: script.opening,
        lorebook_ids: books.collect(),
        notes: script.notes.into_iter().map(note).collect(),
        variables: script.variables.into_iter().map(variable).collect(),
        settings: Some(script.settings.into()),
        ..basic(scenario)
    }
}

fn role(role: CastRole) -> pb::ScenarioRole {
    pb::ScenarioRole {
        name: role.name,
        description: role.description,
        character_id: role
            .character_id
            .map(|id| id.to_string())
            .unwrap_or_default(),
        character_name: role.character_name,
        muted: role.part.is_muted,
        talkativeness: role.part.talkativeness,
        aliases: role.part.aliases,
    }
}

fn note(note: Note) -> pb::ScenarioNote {
    pb::ScenarioNote {
        text: note.text,
        depth: Some(i32::try_from(note.depth).unwrap_or(i32::MAX)),
        role: ChatRole::from(note.role).into(),
    }
}

fn variable(variable: Variable) -> pb::ScenarioVariable {
    pb::ScenarioVariable {
        name: variable.name,
        value: variable.value,
    }
}

fn blank(blank: Blank) -> pb::ScenarioBlank {
    let kind = match blank.kind {
        BlankKind::Line => pb::BlankKind::Line,
        BlankKind::Text => pb::BlankKind::Text,
        BlankKind::Number => pb::BlankKind::Number,
        BlankKind::Choice => pb::BlankKind::Choice,
    };
    pb::ScenarioBlank {
        name: blank.name,
        label: blank.label,
        kind: kind.into(),
        default_value: blank.default_value,
        required: blank.required,
        options: blank.options,
    }
}

/// What a session was started from.
pub(crate) fn started_from(session: SessionId, from: StartedFrom) -> pb::SessionScenario {
    let story = from.story;
    let answers = story.told.filled.blanks.into_iter();
    let answers = answers.map(|(name, value)| pb::BlankAnswer { name, value });
    let mut shown = pb::SessionScenario {
        session_id: session.to_string(),
        scenario_id: story
            .scenario_id
            .map(|id| id.to_string())
            .unwrap_or_default(),
        name: from.name,
        role: from.role,
        cast: from.cast.into_iter().map(role).collect(),
        answers: answers.collect(),
        ..pb::SessionScenario::default()
    };
    if let Some(inside) = from.inside {
        shown.premise = story.told.premise;
        shown.notes = story.told.notes.into_iter().map(note).collect();
        shown.variables = inside.variables.into_iter().map(variable).collect();
        let books = inside.lorebook_ids.iter().map(ToString::to_string);
        shown.lorebook_ids = books.collect();
    }
    shown
}

/// The change of a scenario that a request asks for.
pub(crate) fn patch(
    mut scenario: pb::Scenario,
    mask: Option<FieldMask>,
) -> Result<ScenarioPatch, Status> {
    let settings = settings("scenario", scenario.settings.take().unwrap_or_default())?;
    let mut set = vec![
        ("name", !scenario.name.is_empty()),
        ("description", !scenario.description.is_empty()),
        ("tags", !scenario.tags.is_empty()),
        ("rating", scenario.rating != 0),
        ("visibility", scenario.visibility != 0),
        ("texts_shown", scenario.texts_shown),
        ("premise", !scenario.premise.is_empty()),
        ("opening", !scenario.opening.is_empty()),
        ("cast", !scenario.cast.is_empty()),
        ("lorebook_ids", !scenario.lorebook_ids.is_empty()),
        ("notes", !scenario.notes.is_empty()),
        ("variables", !scenario.variables.is_empty()),
        ("blanks", !scenario.blanks.is_empty()),
        // Over HTTP, a mask names all that the body has.
        ("etag", false),
    ];
    set.extend(SETTINGS.map(|(name, setting)| (name, settings.has(setting))));
    let named = masked(mask, &set)?;
    if scenario.etag.ends_with(PART) && named.iter().any(|name| is_unlisted(name)) {
        let message = "the scenario is from a list, without its texts: read it whole, and change it then; or send only what \
                       changes";
        return Err(error::status(Reason::EtagMismatch, message));
    }
    let is_named = |name: &str| named.contains(&name);
    let changed = PARTS.into_iter().filter(|(name, _)| is_named(name));
    let changed = changed.map(|(_, part)| part).collect();
    let changed_settings = SETTINGS.iter().filter(|(name, _)| is_named(name));
    let sharing = SharingPatch {
        visibility: is_named("visibility").then(|| asked_visibility(scenario.visibility())),
        shown: is_named("texts_shown").then_some(scenario.texts_shown),
        rating: is_named("rating").then(|| asked_rating(scenario.rating())),
    };
    let cast = scenario.cast.into_iter().map(asked_role);
    let books = scenario.lorebook_ids.iter();
    let books = books.map(|id| fields::id("scenario.lorebook_ids", id));
    let variables = scenario.variables.into_iter().map(|it| Variable {
        name: it.name,
        value: it.value,
    });
    Ok(ScenarioPatch {
        changed,
        changed_settings: changed_settings.map(|(_, setting)| *setting).collect(),
        cast: Some(cast.collect::<Result<_, _>>()?).filter(|_| is_named("cast")),
        lorebook_ids: Some(books.collect::<Result<_, _>>()?).filter(|_| is_named("lorebook_ids")),
        sharing,
        script: Script {
            name: scenario.name,
            description: scenario.description,
            tags: scenario.tags,
            premise: scenario.premise,
            opening: scenario.opening,
            notes: scenario.notes.into_iter().map(asked_note).collect(),
            variables: variables.collect(),
            blanks: scenario.blanks.into_iter().map(asked_blank).collect(),
            settings,
        },
    })
}

/// True for what lists don't show, or for a field in it.
fn is_unlisted(name: &str) -> bool {
    let outer = name.split_once('.').map_or(name, |(outer, _)| outer);
    UNLISTED.contains(&outer)
}

fn asked_role(role: pb::ScenarioRole) -> Result<CastRole, Status> {
    Ok(CastRole {
        character_id: fields::optional_id("scenario.cast.character_id", &role.character_id)?,
        name: role.name,
        description: role.description,
        character_name: String::new(),
        part: Part {
            is_muted: role.muted,
            talkativeness: role.talkativeness,
            aliases: role.aliases,
        },
    })
}

fn asked_note(note: pb::ScenarioNote) -> Note {
    let depth = note.depth.and_then(|depth| u32::try_from(depth).ok());
    Note {
        role: match note.role() {
            ChatRole::Unspecified | ChatRole::System => Role::System,
            ChatRole::User => Role::User,
            ChatRole::Assistant => Role::Assistant,
        },
        depth: depth.unwrap_or(NOTE_DEPTH),
        text: note.text,
    }
}

fn asked_blank(blank: pb::ScenarioBlank) -> Blank {
    Blank {
        kind: match blank.kind() {
            pb::BlankKind::Unspecified | pb::BlankKind::Line => BlankKind::Line,
            pb::BlankKind::Text => BlankKind::Text,
            pb::BlankKind::Number => BlankKind::Number,
            pb::BlankKind::Choice => BlankKind::Choice,
        },
        name: blank.name,
        label: blank.label,
        default_value: blank.default_value,
        required: blank.required,
        options: blank.options,
    }
}

/// What a request fills blanks with.
pub(crate) fn answers(answers: Vec<pb::BlankAnswer>) -> Vec<Answer> {
    let answers = answers.into_iter().map(|answer| Answer {
        name: answer.name,
        value: answer.value,
    });
    answers.collect()
}
