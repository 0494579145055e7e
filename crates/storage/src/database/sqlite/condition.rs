//! Looks at a file before anybody opens it for use: whether it is whole, undamaged, and of a version that this one knows.
//! Changes nothing.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use sea_orm::sqlx::{self, Connection, Row, SqliteConnection};

use super::damage::{NO_TABLES, told};
use super::handle::{Access, open};
use super::header::Header;
use super::log::lost_frames;
use super::mark::refuse_other_log;
use super::problem::{FileError, index_of, log_of};

/// How often the time is looked at, in SQLite's steps.
const STEPS: i32 = 2000;
/// SQLite's codes for what was interrupted, and for a damaged file.
const INTERRUPTED: u32 = 9;
const CORRUPT: u32 = 11;

/// How closely a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Care {
    /// How long it may be looked through where it was closed in order.
    pub clean: Duration,
    /// And where it wasn't.
    pub unclean: Duration,
    /// Whether the machine has run on since the file was used last: then what SQLite keeps beside the log is to be trusted.
    pub trusts_index: bool,
}

/// How a file was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Whether who had it last didn't close it in order.
    pub is_unclean: bool,
    /// Whether it was looked through to its end; the time may have been too short.
    pub is_looked_through: bool,
    /// The names of the migrations that it has behind it, oldest first.
    pub migrations: Vec<String>,
    /// Whether it has tables that no migration made.
    pub is_foreign: bool,
}

/// Looks at a file that nobody has open; `None` where the first start has yet to make it.
///
/// # Errors
/// It can't be used as it is.
pub async fn examine(file: &Path, care: Care) -> Result<Option<Condition>, FileError> {
    let system = |error| FileError::of_system(file, &error);
    let log_bytes = fs::metadata(log_of(file)).ok().map(|log| log.len());
    let has_log = log_bytes.is_some_and(|bytes| bytes > 0);
    let length = match fs::metadata(file) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(system(error)),
    };
    let owned = || file.to_owned();
    match (length, has_log) {
        (0, true) => return Err(FileError::OnlyLog { file: owned() }),
        (0, false) => return Ok(None),
        _ => {}
    }
    let damaged = |found: String| FileError::Damaged {
        file: owned(),
        found,
    };
    let Some(header) = Header::read(file).map_err(system)? else {
        return Err(damaged("it isn't an SQLite database".to_owned()));
    };
    if header.needs_log() && log_bytes.is_none() {
        return Err(FileError::WithoutLog { file: owned() });
    }
    if has_log {
        refuse_other_log(file, header)?;
    }
    if let Some(needed) = header.length.filter(|needed| *needed > length && !has_log) {
        return Err(damaged(format!("it has {length} of {needed} bytes")));
    }
    // An empty one may be as SQLite left it, which the index knows.
    if log_bytes.is_some()
        && care.trusts_index
        && let Some((lost, all)) = lost_frames(file).map_err(system)?
    {
        return Err(FileError::Damaged {
            file: log_of(file),
            found: format!("it lacks the last {lost} of {all} pages that were written"),
        });
    }
    let is_unclean = header.needs_log() || has_log;
    let limit = if is_unclean { care.unclean } else { care.clean };
    let look = look_inside(file, has_log, limit).await;
    let (found, tables) = look.map_err(|error| FileError::of(file, &error))?;
    match found {
        Found::Damage(found) => Err(damaged(found)),
        found => Ok(Some(Condition {
            is_unclean,
            is_looked_through: found == Found::Nothing,
            migrations: tables.migrations,
            is_foreign: tables.are_foreign,
        })),
    }
}

/// Refuses a file that has migrations behind it which aren't among the known ones.
///
/// # Errors
/// It is of a newer version.
pub fn refuse_newer(file: &Path, applied: &[String], known: &[String]) -> Result<(), FileError> {
    match applied.iter().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(unknown) => Err(FileError::Newer {
            file: file.to_owned(),
            migration: unknown.clone(),
        }),
    }
}

/// What looking through a file came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Damage(String),
    /// The time was over first.
    NoEnd,
}

/// Whose tables are in a file.
#[derive(Debug, Default)]
struct Tables {
    migrations: Vec<String>,
    are_foreign: bool,
}

async fn look_inside(file: &Path, has_log: bool, limit: Duration) -> sqlx::Result<(Found, Tables)> {
    // An index that SQLite makes to read the log goes again.
    let index = Some(index_of(file)).filter(|index| has_log && !index.exists());
    let access = if has_log {
        Access::Read
    } else {
        Access::ReadAlone
    };
    let mut connection = open(file, access).await?;
    let looked = async {
        let found = look_through(&mut connection, limit).await?;
        let tables = match found {
            // They may be in the damaged part, and then the damage isn't told.
            Found::Damage(_) => Tables::default(),
            _ => Tables::read(&mut connection).await?,
        };
        Ok((found, tables))
    };
    let looked = looked.await;
    connection.close().await?;
    if let Some(index) = index {
        // Where it stays, it does no harm.
        let _gone = fs::remove_file(index);
    }
    looked
}

/// Looks through the pages of a file, in a time.
pub(super) async fn look_through(
    connection: &mut SqliteConnection,
    limit: Duration,
) -> sqlx::Result<Found> {
    let until = Instant::now() + limit;
    let mut handle = connection.lock_handle().await?;
    handle.set_progress_handler(STEPS, move || Instant::now() < until);
    drop(handle);
    let looked = sqlx::query("PRAGMA quick_check(1)").fetch_all(&mut *connection);
    let looked = looked.await;
    connection.lock_handle().await?.remove_progress_handler();
    let rows = match looked {
        Err(error) if has_code(&error, INTERRUPTED) => return Ok(Found::NoEnd),
        // What is wrong elsewhere is in the rows.
        Err(error) if has_code(&error, CORRUPT) => {
            return Ok(Found::Damage(NO_TABLES.to_owned()));
        }
        looked => looked?,
    };
    let first = rows.first().map(|row| row.try_get::<String, _>(0));
    Ok(match first.transpose()?.as_deref() {
        Some("ok") | None => Found::Nothing,
        Some(text) => Found::Damage(told(connection, text).await),
    })
}

fn has_code(error: &sqlx::Error, wanted: u32) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    let code = code.and_then(|code| code.parse::<u32>().ok());
    // Only the lowest byte is the kind.
    code.is_some_and(|code| code & 0xff == wanted)
}

impl Tables {
    async fn read(connection: &mut SqliteConnection) -> sqlx::Result<Self> {
        let tables =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
        let tables: Vec<String> = sqlx::query_scalar(tables)
            .fetch_all(&mut *connection)
            .await?;
        let mut migrations = Vec::new();
        if tables.iter().any(|table| table == "seaql_migrations") {
            let names = "SELECT version FROM seaql_migrations ORDER BY version";
            migrations = sqlx::query_scalar(names).fetch_all(connection).await?;
        }
        Ok(Self {
            are_foreign: migrations.is_empty() && !tables.is_empty(),
            migrations,
        })
    }
}
