//! The queries, a file for each aggregate. Owned rows are found through `owned_by` and what hangs on it, those of sessions through
//! `participation`; nothing here decides.

pub(crate) mod bookmarks;
pub(crate) mod branches;
pub(crate) mod cast;
pub(crate) mod character_assets;
pub(crate) mod characters;
pub(crate) mod generations;
pub(crate) mod history;
pub(crate) mod holders;
pub(crate) mod invitations;
pub(crate) mod lorebooks;
pub(crate) mod memories;
pub(crate) mod messages;
pub(crate) mod participants;
mod participation;
pub(crate) mod path;
pub(crate) mod personas;
pub(crate) mod requests;
pub(crate) mod scenarios;
pub(crate) mod sessions;
pub(crate) mod share_links;
pub(crate) mod splice;
pub(crate) mod stories;
pub(crate) mod subtree;
mod words;

#[cfg(test)]
mod tests;

use sea_orm::DbErr;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// JSON as a column keeps it.
fn to_json(value: &impl Serialize) -> Result<String, DbErr> {
    serde_json::to_string(value).map_err(|error| DbErr::Json(error.to_string()))
}

/// What a column of JSON holds.
fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, DbErr> {
    serde_json::from_str(json).map_err(|error| DbErr::Json(error.to_string()))
}

/// How many bytes a document has, as a column keeps it.
fn bytes(document: &str) -> i64 {
    i64::try_from(document.len()).unwrap_or(i64::MAX)
}

/// A count as the tables keep it.
fn stored(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A count from the tables.
fn counted(count: i32) -> u32 {
    u32::try_from(count).unwrap_or(0)
}
