//! Configuration: defaults in the types, then a TOML file, then the environment (`TROUPE__GATEWAY__LISTEN`), each
//! overriding the one before. Only this module reads the environment.
//!
//! A variable is text, and the setting says what is made of it: text stays as it is, also `007` and `1e5`. What is wrong is
//! told with the setting and the variable, and never with the value, which may be a secret.

mod address;
mod environment;
mod keys;
mod read;
mod secret_text;
mod server_url;
mod value;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use self::value::{Table, Value};

pub use address::{address, addresses, encoding_problem, trimmed};
pub use environment::variable_of_others;
pub use keys::keys;
pub use secret_text::SecretText;
pub use server_url::ServerUrl;

/// Prefix of the environment variables; two underscores separate the parts.
pub const ENV_PREFIX: &str = "TROUPE";

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be read, or is no TOML.
    #[error("configuration: the file {} can't be used: {problem}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        problem: String,
    },
    /// A variable can't be taken.
    #[error("configuration: {name}: {problem}")]
    Variable {
        /// Its name.
        name: String,
        /// What is wrong, and what to write instead.
        problem: String,
    },
    /// A value has no place or the wrong kind.
    #[error("configuration: {0}")]
    Value(Misfit),
    /// A value makes no sense.
    #[error("configuration: {key}: {problem}")]
    Invalid {
        /// The key, dotted.
        key: &'static str,
        /// What is wrong, and what to write instead.
        problem: String,
    },
    /// A value makes no sense that stands under a name of the operator's.
    #[error("configuration: {key}: {problem}")]
    InvalidEntry {
        /// The key, dotted.
        key: String,
        /// What is wrong, and what to write instead.
        problem: String,
    },
}

/// A value that has no place or the wrong kind.
#[derive(Debug)]
pub struct Misfit {
    key: String,
    variable: Option<String>,
    problem: String,
    nearest: Option<String>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.variable {
            Some(variable) => write!(f, "{} ({variable}): {}", self.key, self.problem)?,
            None => write!(f, "{}: {}", self.key, self.problem)?,
        }
        match (&self.nearest, &self.variable) {
            (Some(key), Some(_)) => write!(f, "; did you mean {}?", environment::variable(key)),
            (Some(key), None) => write!(f, "; did you mean {key}?"),
            (None, _) => Ok(()),
        }
    }
}

/// Reads a configuration. A file that is named and isn't there is an error.
///
/// # Errors
/// Names the setting that has no place, or whose value is none of its kind.
pub fn load<T: DeserializeOwned>(file: Option<&Path>) -> Result<T, Error> {
    load_from(file, environment::variables()?)
}

/// The dotted keys that the environment sets, such as `gateway.listen`, sorted.
pub fn keys_in_environment() -> Vec<String> {
    let variables = environment::variables().unwrap_or_default();
    let keys = variables
        .iter()
        .filter_map(|(name, _)| environment::key(name));
    let mut keys: Vec<String> = keys.collect();
    keys.sort();
    keys
}

/// Whether a TOML file sets a dotted key.
pub fn file_has(file: &Path, key: &str) -> bool {
    let Ok(table) = read_file(file) else {
        return false;
    };
    let mut parts = key.split('.');
    let first = parts.next().and_then(|part| table.find(part));
    let found = parts.fold(first, |value, part| value?.find(part));
    found.is_some()
}

/// Reads a configuration from a file and from variables that are given.
///
/// # Errors
/// As those of [`load`].
pub fn load_from<T: DeserializeOwned>(
    file: Option<&Path>,
    variables: Vec<(String, String)>,
) -> Result<T, Error> {
    let mut table = match file {
        Some(path) => read_file(path)?,
        None => Table::default(),
    };
    let misspelt = environment::overlay(&mut table, variables)?;
    environment::refuse_misspelt(&keys::<T>(), &misspelt, &table)?;
    T::deserialize(Value::table(table)).map_err(|error| {
        let is_unknown = error.expected().is_some();
        let mut misfit = error.into_misfit();
        if is_unknown {
            let key = misfit.variable.as_deref().and_then(environment::key);
            let wrong = key.as_deref().unwrap_or(&misfit.key);
            misfit.nearest = keys::nearest(&keys::<T>(), wrong);
        }
        Error::Value(misfit)
    })
}

fn read_file(file: &Path) -> Result<Table, Error> {
    let failed = |problem| Error::File {
        file: file.to_owned(),
        problem,
    };
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        // The error's own text quotes the line, which may hold a secret.
        let start = error.span().map_or(0, |span| span.start);
        let line = text
            .bytes()
            .take(start)
            .filter(|byte| *byte == b'\n')
            .count()
            + 1;
        failed(match unquoted(&text, line) {
            Some(key) => format!("line {line}: {key}: text must be written between quotes"),
            None => format!("line {line}: {}", error.message()),
        })
    })?;
    Ok(table.into())
}

/// The dotted key of a line whose value is neither a number nor between quotes or brackets, and so most likely text.
fn unquoted(document: &str, line: usize) -> Option<String> {
    let before = document.lines().take(line.saturating_sub(1));
    let sections = before.filter_map(|line| line.trim().strip_prefix('['));
    let section = sections.last().map_or("", |name| {
        name.split(']')
            .next()
            .unwrap_or(name)
            .trim_start_matches('[')
    });
    let (name, value) = document
        .lines()
        .nth(line.checked_sub(1)?)?
        .split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_begun = value.is_empty() || value.starts_with(['"', '\'', '[', '{', '#']);
    if is_begun || name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    let is_fine = format!("value = {value}").parse::<toml::Table>().is_ok();
    (!is_fine).then(|| match section {
        "" => name.to_owned(),
        section => format!("{section}.{name}"),
    })
}

#[cfg(test)]
mod tests;
