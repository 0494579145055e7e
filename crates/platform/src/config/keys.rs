//! Which settings there are, as their types know them.

use serde::de::DeserializeOwned;

use super::value::{Content, Table, Value};

/// A name that no setting has.
const UNKNOWN: &str = "nobody reads this";
/// A name that differs more than this from all others resembles none.
const FAR: usize = 3;

/// The dotted keys of all settings.
pub fn keys<T: DeserializeOwned>() -> Vec<String> {
    let mut keys = Vec::new();
    add::<T>(&[], &mut keys);
    keys
}

fn add<T: DeserializeOwned>(section: &[&str], keys: &mut Vec<String>) {
    let Some(names) = names_in::<T>(section) else {
        keys.push(section.join("."));
        return;
    };
    for name in names {
        add::<T>(&[section, &[name]].concat(), keys);
    }
}

/// The names in a section; none where the key is no section. A section refuses a name that it doesn't know, and tells those
/// that it does.
fn names_in<T: DeserializeOwned>(section: &[&str]) -> Option<&'static [&'static str]> {
    let flag = Value::from(Content::Flag(true));
    let unknown = Table([(UNKNOWN.to_owned(), flag)].into());
    let probe = section.iter().rev().fold(unknown, |inner, name| {
        Table([((*name).to_owned(), Value::table(inner))].into())
    });
    T::deserialize(Value::table(probe)).err()?.expected()
}

/// The setting or section whose name resembles one that there isn't.
pub(super) fn nearest(keys: &[String], wrong: &str) -> Option<String> {
    let sections = keys.iter().flat_map(|key| {
        let dots = key.match_indices('.');
        dots.map(|(at, _)| &key[..at])
    });
    let all = keys.iter().map(String::as_str).chain(sections);
    let distances = all.map(|key| (strsim::osa_distance(&plain(key), &plain(wrong)), key));
    let (distance, key) = distances.min()?;
    (distance <= FAR.min(wrong.len() / 2)).then(|| key.to_owned())
}

/// Whether two names differ in nothing but what separates their words.
pub(super) fn are_alike(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

fn plain(name: &str) -> String {
    let words = name.split(['.', '_', '-']).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(str::to_lowercase).collect();
    words.join("_")
}
