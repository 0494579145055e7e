//! What a scenario may have.

use std::collections::BTreeSet;

use super::blanks::named_in;
use super::{BlankKind, CastRole, ScenarioError, Script};
use crate::domain::card::MAX_DOCUMENT_BYTES;
use crate::domain::cast::MAX_CAST;
use crate::domain::ids::LorebookId;
use crate::domain::name;

/// Most bytes of a scenario as JSON: as many as a card has, so that a scenario can be made of each.
pub const MAX_BYTES: usize = MAX_DOCUMENT_BYTES;
/// Most lorebooks: each prompt looks through all of them.
pub const MAX_LOREBOOKS: usize = 20;
/// As many as a session has characters.
const MAX_ROLES: usize = MAX_CAST;
const MAX_NOTES: usize = 10;
const MAX_VARIABLES: usize = 100;
const MAX_BLANKS: usize = 50;
const MAX_OPTIONS: usize = 50;
/// Most tags.
pub const MAX_TAGS: usize = 100;
const MAX_NAME_CHARS: usize = 40;

/// Refuses what is no scenario.
///
/// # Errors
/// What is wrong, and of a limit by how much.
pub fn check(
    script: &Script,
    cast: &[CastRole],
    lorebooks: &[LorebookId],
) -> Result<(), ScenarioError> {
    if name::is_blank(&script.name) {
        return Err(ScenarioError::NoName);
    }
    few("tags", script.tags.len(), MAX_TAGS)?;
    few("roles", cast.len(), MAX_ROLES)?;
    few("lorebooks", lorebooks.len(), MAX_LOREBOOKS)?;
    few("notes", script.notes.len(), MAX_NOTES)?;
    few("variables", script.variables.len(), MAX_VARIABLES)?;
    few("blanks", script.blanks.len(), MAX_BLANKS)?;
    if cast.iter().any(|role| name::is_blank(&role.name)) {
        return Err(ScenarioError::NamelessRole);
    }
    distinct("roles", cast.iter().map(|role| &*role.name))?;
    let variables = || script.variables.iter().map(|it| &*it.name);
    let blanks = || script.blanks.iter().map(|it| &*it.name);
    distinct("variables", variables())?;
    distinct("blanks", blanks())?;
    usable("variable", variables())?;
    usable("blank", blanks())?;
    // Before anything is looked for in its texts.
    check_size(script, cast)?;
    check_blanks(script)
}

fn few(what: &'static str, count: usize, most: usize) -> Result<(), ScenarioError> {
    match count > most {
        true => Err(ScenarioError::TooMany { what, count, most }),
        false => Ok(()),
    }
}

fn distinct<'n>(
    what: &'static str,
    names: impl Iterator<Item = &'n str>,
) -> Result<(), ScenarioError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            let name = name.to_owned();
            return Err(ScenarioError::SameName { what, name });
        }
    }
    Ok(())
}

fn usable<'n>(
    what: &'static str,
    mut names: impl Iterator<Item = &'n str>,
) -> Result<(), ScenarioError> {
    let is_usable = |name: &&str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.len() <= MAX_NAME_CHARS
            && name
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
    };
    match names.find(|name| !is_usable(name)) {
        Some(name) => {
            let name = name.chars().take(2 * MAX_NAME_CHARS).collect();
            Err(ScenarioError::BadName { what, name })
        }
        None => Ok(()),
    }
}

fn check_blanks(script: &Script) -> Result<(), ScenarioError> {
    for blank in &script.blanks {
        let name = || blank.name.clone();
        few("options of a blank", blank.options.len(), MAX_OPTIONS)?;
        if blank.kind == BlankKind::Choice && blank.options.is_empty() {
            return Err(ScenarioError::NoOptions { name: name() });
        }
        if let Some(problem) = problem_of_options(&blank.options) {
            let name = name();
            return Err(ScenarioError::BadOption { name, problem });
        }
        if let Some(problem) = blank
            .default_value
            .as_deref()
            .and_then(|it| blank.problem(it))
        {
            let name = name();
            return Err(ScenarioError::BadDefault { name, problem });
        }
    }
    let known: BTreeSet<&str> = script.blanks.iter().map(|blank| &*blank.name).collect();
    let mut texts = vec![
        ("the premise", &*script.premise),
        ("the opening", &*script.opening),
    ];
    texts.extend(script.notes.iter().map(|note| ("a note", &*note.text)));
    texts.extend(script.variables.iter().map(|it| ("a variable", &*it.value)));
    for (place, text) in texts {
        let named = named_in(text);
        if let Some(name) = named.into_iter().find(|name| !known.contains(&**name)) {
            return Err(ScenarioError::UnknownBlank { place, name });
        }
    }
    Ok(())
}

fn problem_of_options(options: &[String]) -> Option<&'static str> {
    let mut seen = BTreeSet::new();
    if options.iter().any(|option| name::is_blank(option)) {
        Some("is empty")
    } else if options.iter().any(|option| !seen.insert(option.trim())) {
        Some("it has twice")
    } else {
        None
    }
}

/// Refuses what is too long, or has NUL characters.
///
/// # Errors
/// It is, or has.
pub fn check_size(script: &Script, cast: &[CastRole]) -> Result<(), ScenarioError> {
    let json = serde_json::to_string(script).unwrap_or_default();
    let aliases = |role: &CastRole| role.part.aliases.iter().map(String::len).sum::<usize>();
    let roles = cast
        .iter()
        .map(|role| role.name.len() + role.description.len() + aliases(role));
    let size_bytes = json.len() + roles.sum::<usize>();
    if size_bytes > MAX_BYTES {
        let max_bytes = MAX_BYTES;
        return Err(ScenarioError::TooLarge {
            size_bytes,
            max_bytes,
        });
    }
    let has_nul_in = |role: &CastRole| {
        let texts = [&role.name, &role.description].into_iter();
        texts.chain(&role.part.aliases).any(|it| it.contains('\0'))
    };
    let in_cast = cast.iter().any(has_nul_in);
    match in_cast || has_nul(&json) {
        true => Err(ScenarioError::Nul),
        false => Ok(()),
    }
}

/// Whether a text in JSON has NUL characters, which no database keeps.
#[must_use]
pub fn has_nul(json: &str) -> bool {
    // A backslash that stands before another one begins no escape.
    json.replace(r"\\", "").contains(r"\u0000")
}

#[cfg(test)]
mod tests {
    use super::super::{Blank, Note, Variable};
    use super::*;
    use crate::domain::role::Role;

    fn script() -> Script {
        Script {
            name: "Storm".to_owned(),
            ..Script::default()
        }
    }

    fn refused(script: &Script, cast: &[CastRole]) -> String {
        check(script, cast, &[]).unwrap_err().to_string()
    }

    #[test]
    fn says_which_limit_and_by_how_much() {
        assert!(check(&script(), &[], &[]).is_ok());
        let roles: Vec<CastRole> = (0..35)
            .map(|number| CastRole {
                name: format!("Role {number}"),
                ..CastRole::default()
            })
            .collect();
        assert!(refused(&script(), &roles).contains("35 roles, 3 more than the 32"));
        let long = Script {
            opening: "x".repeat(MAX_BYTES),
            ..script()
        };
        let message = refused(&long, &[]);
        assert!(message.contains("more than the 1572864"), "{message}");
        let note = Note {
            text: String::new(),
            depth: 4,
            role: Role::System,
        };
        let many = Script {
            notes: vec![note; 11],
            ..script()
        };
        assert!(refused(&many, &[]).contains("11 notes, 1 more than the 10"));
    }

    #[test]
    fn refuses_names_that_texts_cannot_use_and_blanks_that_are_not_there() {
        let variable = |name: &str| Script {
            variables: vec![Variable {
                name: name.to_owned(),
                ..Variable::default()
            }],
            ..script()
        };
        for name in ["", "Gold", "2nd", "a b", "a::b", &"x".repeat(41)] {
            assert!(
                refused(&variable(name), &[]).contains("can't be the name"),
                "{name}"
            );
        }
        assert!(check(&variable("gold_2"), &[], &[]).is_ok());
        let unknown = Script {
            premise: "{{blank::town}}".to_owned(),
            ..script()
        };
        assert!(refused(&unknown, &[]).contains("the premise names the blank `town`"));
        let town = Blank {
            name: "town".to_owned(),
            ..Blank::default()
        };
        let known = Script {
            blanks: vec![town.clone()],
            ..unknown
        };
        assert!(check(&known, &[], &[]).is_ok());
        let twice = Script {
            blanks: vec![town.clone(), town],
            ..script()
        };
        assert!(refused(&twice, &[]).contains("two blanks have the name `town`"));
        let choice = |options: [&str; 2]| Script {
            blanks: vec![Blank {
                name: "way".to_owned(),
                kind: BlankKind::Choice,
                options: options.map(str::to_owned).to_vec(),
                ..Blank::default()
            }],
            ..script()
        };
        assert!(check(&choice(["north", "south"]), &[], &[]).is_ok());
        assert!(refused(&choice(["north", "\u{200b} "]), &[]).contains("an option that is empty"));
        assert!(refused(&choice(["north", "north "]), &[]).contains("an option that it has twice"));
        let nul = Script {
            opening: "a\0b".to_owned(),
            ..script()
        };
        assert!(refused(&nul, &[]).contains("NUL"));
    }
}
