//! Settings from variables. The name says which setting, in any case: `TROUPE__AI__LOCAL__PATH` is `ai.local.path`. A variable
//! that is empty, or nothing but white space, counts as absent.

use super::value::{Content, Table, Value, parse};
use super::{ENV_PREFIX, Error, keys};

/// All variables that begin with the prefix, sorted by their names.
///
/// # Errors
/// One of them isn't UTF-8.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the environment is read"
)]
pub(super) fn variables() -> Result<Vec<(String, String)>, Error> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else {
            continue;
        };
        if !begins_as_ours(&name) {
            continue;
        }
        match value.into_string() {
            Ok(value) => variables.push((name, value)),
            Err(_) if key(&name).is_none() => {}
            Err(_) => return Err(failed(&name, "must be UTF-8")),
        }
    }
    variables.sort();
    Ok(variables)
}

/// A variable that isn't ours, such as `AWS_ACCESS_KEY_ID`, without white space around it.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the environment is read"
)]
pub fn variable_of_others(name: &str) -> Option<String> {
    let value = std::env::var(name).ok()?;
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn begins_as_ours(name: &str) -> bool {
    let beginning = name.get(..ENV_PREFIX.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(ENV_PREFIX))
}

/// The dotted key that a variable sets.
pub(super) fn key(name: &str) -> Option<String> {
    let rest = begins_as_ours(name).then(|| &name[ENV_PREFIX.len()..])?;
    let parts = rest.strip_prefix("__")?;
    Some(parts.replace("__", ".").to_lowercase())
}

/// The variable that sets a dotted key.
pub(super) fn variable(key: &str) -> String {
    let parts = key.replace('.', "__").to_uppercase();
    format!("{ENV_PREFIX}__{parts}")
}

/// Puts variables into the place of what a file holds. Returns those that set nothing.
pub(super) fn overlay(
    table: &mut Table,
    mut variables: Vec<(String, String)>,
) -> Result<Vec<String>, Error> {
    variables.sort();
    let mut others = Vec::new();
    for (name, text) in variables {
        if text.trim().is_empty() {
            continue;
        }
        match key(&name) {
            Some(key) => set(table, &key, &name, &text)?,
            None => others.push(name),
        }
    }
    Ok(others)
}

fn set(table: &mut Table, key: &str, name: &str, text: &str) -> Result<(), Error> {
    let (sections, last) = match key.rsplit_once('.') {
        Some((sections, last)) => (sections, last),
        None => ("", key),
    };
    let mut place = table;
    for section in sections.split('.').filter(|part| !part.is_empty()) {
        let entry = place.0.entry(section.to_owned());
        let value = entry.or_insert_with(|| Value::table(Table::default()));
        if !matches!(value.content, Content::Table(_)) {
            let from_text = match &value.content {
                Content::Text(text) => parse(text.trim()),
                _ => None,
            };
            value.content = match from_text {
                Some(Content::Table(table)) => Content::Table(table),
                _ => Content::Table(Table::default()),
            };
        }
        let Content::Table(inner) = &mut value.content else {
            return Err(failed(name, "names no setting"));
        };
        place = inner;
    }
    if let Some(Value {
        content: Content::Table(section),
        ..
    }) = place.0.get_mut(last)
        && let Some(Content::Table(values)) = parse(text.trim())
    {
        section.merge(values, name);
        return Ok(());
    }
    let before = place
        .0
        .insert(last.to_owned(), Value::of_variable(name, text));
    match before.and_then(|value| value.variable) {
        Some(other) => Err(failed(
            name,
            &format!("{other} sets the same key: remove one"),
        )),
        None => Ok(()),
    }
}

/// Refuses a variable that would set something but for its underscores, such as `TROUPE_NATS_URL`, unless the right one is
/// there too.
pub(super) fn refuse_misspelt(
    known: &[String],
    names: &[String],
    table: &Table,
) -> Result<(), Error> {
    for name in names {
        let rest = name[ENV_PREFIX.len()..].trim_start_matches('_');
        let meant = known.iter().find(|key| keys::are_alike(key, rest));
        let Some(meant) = meant.filter(|key| !is_set(table, key)) else {
            continue;
        };
        let problem = format!("sets nothing: write {}", variable(meant));
        return Err(failed(name, &problem));
    }
    Ok(())
}

fn is_set(table: &Table, key: &str) -> bool {
    let mut parts = key.split('.');
    let first = parts.next().and_then(|part| table.find(part));
    parts.fold(first, |value, part| value?.find(part)).is_some()
}

fn failed(name: &str, problem: &str) -> Error {
    Error::Variable {
        name: name.to_owned(),
        problem: problem.to_owned(),
    }
}
