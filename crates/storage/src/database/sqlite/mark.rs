//! Marks in the files themselves that tell whether a file is whole without its log, so that a copy of it tells too.
//!
//! While a platform runs, the file alone says that it is in use: the mark is folded into it before anything else is written.
//! At a clean stop all is folded in, and the mark is taken back. The mark is the `user_version` of the file's header.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::{self, Connection, Executor, SqliteConnection};
use tokio::sync::Mutex;

use super::fold::{Fold, fold};
use super::handle::{Access, fold_log, keep_log, open, write_application_id};
use super::header::Header;
use super::log::is_of_another_time;
use super::problem::{FileError, log_of};
use crate::Owner;

/// The file is whole.
const CLOSED: u32 = 1;
/// The file needs its log. Files from before there were marks have neither.
const IN_USE: u32 = 2;
/// How often a mark is tried to be folded in, where readers hold that up.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(2);

/// The files that this process has marked as in use. Each is kept open, so that its log stays beside it until
/// [`InUse::release`], whoever else closes it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct InUse {
    files: Arc<Mutex<Vec<(PathBuf, SqliteConnection)>>>,
    owner: Option<Owner>,
}

impl InUse {
    /// Nothing yet, of a platform whose number all of it is to say.
    #[must_use]
    pub fn by(owner: Owner) -> Self {
        Self {
            owner: Some(owner),
            ..Self::default()
        }
    }

    /// Whose all of it is, where it is to say so.
    pub fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// Marks a file that is there, unless it is marked already.
    ///
    /// # Errors
    /// It can't be written.
    pub async fn mark(&self, file: &Path) -> Result<(), FileError> {
        let mut files = self.files.lock().await;
        if files.iter().any(|(marked, _)| marked == file) {
            return Ok(());
        }
        let connection = mark(file, self.owner).await;
        let connection = connection.map_err(|error| FileError::of(file, &error))?;
        files.push((file.to_owned(), connection));
        Ok(())
    }

    /// Marks a file that this process didn't open, if an unclean end left a log beside it, so that [`InUse::release`] folds
    /// that in. Without one, nobody opens the file.
    ///
    /// # Errors
    /// It can't be written.
    pub async fn mark_what_was_left(&self, file: &Path) -> Result<(), FileError> {
        match log_of(file).exists() {
            true => self.mark(file).await,
            false => Ok(()),
        }
    }

    /// Lets go of a file that isn't used any more, and leaves it as it is.
    pub async fn forget(&self, file: &Path) {
        let mut files = self.files.lock().await;
        let place = files.iter().position(|(marked, _)| marked == file);
        if let Some(place) = place {
            let (_, connection) = files.swap_remove(place);
            // A file that can't be read is let go of too.
            let _closed = connection.close().await;
        }
    }

    /// Folds the logs in and takes the marks back. Nothing writes any more.
    ///
    /// # Errors
    /// One of the files can't be written; the others are done nevertheless.
    pub async fn release(&self) -> Result<(), FileError> {
        let mut outcome = Ok(());
        let files = std::mem::take(&mut *self.files.lock().await);
        for (file, connection) in files {
            let released = release(connection).await;
            outcome = outcome.and(released.map_err(|error| FileError::of(&file, &error)));
        }
        outcome
    }
}

async fn mark(file: &Path, owner: Option<Owner>) -> sqlx::Result<SqliteConnection> {
    let mut connection = open(file, Access::Write).await?;
    keep_log(&mut connection).await?;
    connection.execute("PRAGMA journal_mode = WAL").await?;
    write(&mut connection, IN_USE).await?;
    if let Some(owner) = owner {
        let said = sqlx::query_scalar("PRAGMA application_id");
        let said: i64 = said.fetch_one(&mut connection).await?;
        if said != i64::from(owner.number()) {
            write_application_id(file, owner.number()).await?;
        }
    }
    for _ in 0..TRIES {
        if fold(&mut connection, Fold::Beside).await?.is_whole() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(connection)
}

async fn release(mut connection: SqliteConnection) -> sqlx::Result<()> {
    // First all else, so that no file says that it is whole before it is.
    fold(&mut connection, Fold::Empty).await?;
    write(&mut connection, CLOSED).await?;
    fold(&mut connection, Fold::Empty).await?;
    fold_log(&mut connection).await?;
    connection.close().await
}

async fn write(connection: &mut SqliteConnection, mark: u32) -> sqlx::Result<()> {
    let statement = match mark {
        IN_USE => "PRAGMA user_version = 2",
        _ => "PRAGMA user_version = 1",
    };
    connection.execute(statement).await.map(drop)
}

/// Marks a copy as whole, which needs no log, and has SQLite keep none beside it.
pub(super) async fn mark_copy(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    write(connection, CLOSED).await?;
    connection
        .execute("PRAGMA journal_mode = DELETE")
        .await
        .map(drop)
}

/// Whether a file that is open is marked, log and all.
pub(super) async fn says_in_use(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    let mark: u32 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(connection)
        .await?;
    Ok(mark == IN_USE)
}

/// Whether the file alone says that it needs its log. Not to be asked while this process has the file open: the system takes
/// a process's locks on a file away when the process closes it, however it was opened, and whoever else opens and closes the
/// file would then take it for unused, and remove the log under the feet of its writers.
/// <https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>
pub(super) fn is_marked(file: &Path) -> bool {
    matches!(Header::read(file), Ok(Some(header)) if header.needs_log())
}

/// Refuses a file that isn't whole, because it was in use when it was copied, and its log wasn't copied with it; and one that is, with
/// a log beside it that isn't its own. It may be in use by another process, and not by this one, as with all that reads a header
/// without SQLite.
///
/// # Errors
/// It lacks its log, or has another's.
pub fn refuse_without_own_log(file: &Path) -> Result<(), FileError> {
    let lacks_log = || !log_of(file).exists();
    // A clean stop takes the mark back before the log goes, and a start makes the log before the mark.
    match lacks_log() && is_marked(file) && lacks_log() {
        true => Err(FileError::WithoutLog {
            file: file.to_owned(),
        }),
        false => match Header::read(file) {
            Ok(Some(header)) => refuse_other_log(file, header),
            _ => Ok(()),
        },
    }
}

/// Refuses a file that was closed in order, by its header, and has a log of another time beside it: SQLite would put old pages over
/// newer ones.
///
/// # Errors
/// It has such a log, or can't be read.
pub(super) fn refuse_other_log(file: &Path, header: Header) -> Result<(), FileError> {
    let is_other = || Ok(header.is_closed() && is_of_another_time(file)?);
    match is_other().map_err(|error| FileError::of_system(file, &error))? {
        true => Err(FileError::OtherLog {
            file: file.to_owned(),
        }),
        false => Ok(()),
    }
}

/// Has the log stay beside a file that says that it needs it, when this connection closes as the last one.
pub async fn keep_needed_log(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    match says_in_use(connection).await? {
        true => keep_log(connection).await,
        false => Ok(()),
    }
}

/// The number that the header of a file has for whoever made it; none where it can't be read. As [`is_marked`], it is not to be asked
/// while this process has the file open.
pub(crate) fn application_id(file: &Path) -> Option<u32> {
    let header = Header::read(file).ok()??;
    Some(header.application_id)
}

impl Header {
    /// Whether the file isn't whole without its log.
    pub(super) fn needs_log(self) -> bool {
        self.user_version == IN_USE
    }

    /// Whether the file is whole without a log.
    pub(super) fn is_closed(self) -> bool {
        self.user_version == CLOSED
    }
}
