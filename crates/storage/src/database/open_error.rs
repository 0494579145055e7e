//! Why a database can't be opened, each in a sentence that says what to do.

use sea_orm::DbErr;

use super::sqlite::FileError;

/// A database that can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The SQLite file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The configuration makes no sense.
    #[error("configuration: database.{key}: {problem}")]
    Config {
        /// The key.
        key: &'static str,
        /// What is wrong, and what to write instead.
        problem: String,
    },
    /// Nobody answers at the address.
    #[error(
        "PostgreSQL can't be reached at {server}: {cause}. Start it, correct database.url, or remove it to keep data in SQLite files"
    )]
    Unreachable {
        /// The address without user and password.
        server: String,
        /// What happened last.
        cause: String,
    },
    /// The server answers and doesn't let us in.
    #[error("PostgreSQL at {server} refuses the connection: {cause}. Correct database.url")]
    Refused {
        /// The address without user and password.
        server: String,
        /// What it says.
        cause: String,
    },
    /// The address, or the way there, must be changed.
    #[error("PostgreSQL at {server} can't be used: {cause}. Correct database.url")]
    Unusable {
        /// The address without user and password.
        server: String,
        /// What is wrong.
        cause: String,
    },
    /// A newer version of the platform has used the schema.
    #[error(
        "the schema {schema} of PostgreSQL at {server} belongs to a newer version of Troupe (it has {migration}): start that version, or restore a dump of this one"
    )]
    Newer {
        /// The address without user and password.
        server: String,
        /// The schema.
        schema: String,
        /// What this version doesn't know.
        migration: String,
    },
    /// The schema or its tables can't be made or brought up to date.
    #[error("the schema {schema} of PostgreSQL at {server} can't be migrated: {source}")]
    Schema {
        /// The address without user and password.
        server: String,
        /// The schema.
        schema: String,
        /// Why.
        #[source]
        source: DbErr,
    },
}
