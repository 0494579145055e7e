//! A single connection to a file, to work with the file rather than with what is in it, and the two things that
//! only SQLite's own interface offers.

use std::ffi::c_int;
use std::path::Path;
use std::ptr::NonNull;
use std::time::Duration;

use libsqlite3_sys::{
    SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, SQLITE_DONE, SQLITE_ERROR, SQLITE_OK, sqlite3_backup,
    sqlite3_backup_finish, sqlite3_backup_init, sqlite3_backup_pagecount, sqlite3_backup_remaining,
    sqlite3_backup_step, sqlite3_db_config,
};
use sea_orm::sqlx::sqlite::{LockedSqliteHandle, SqliteConnectOptions};
use sea_orm::sqlx::{self, ConnectOptions, Connection, SqliteConnection};

/// How long a statement waits for another process.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pages that are copied between two looks at whether to go on: some milliseconds of work.
const PAGES: c_int = 512;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Others may have it open too.
    Write,
    /// With the log beside it, as it is.
    Read,
    /// As if nothing could change it: nothing is made beside it, and a log there isn't read.
    ReadAlone,
}

/// Opens a file that is there.
pub(super) async fn open(file: &Path, access: Access) -> sqlx::Result<SqliteConnection> {
    let options = options(file).read_only(access != Access::Write);
    let options = options.immutable(access == Access::ReadAlone);
    options.connect().await
}

/// Writes a number into the header of a file that is open elsewhere. A statement for it can't take it as a value.
pub(super) async fn write_application_id(file: &Path, id: u32) -> sqlx::Result<()> {
    let options = options(file).pragma("application_id", id.to_string());
    options.connect().await?.close().await
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(PATIENCE)
        .disable_statement_logging()
}

/// Has the log stay beside the file when this connection closes, also as the last one: who doesn't run the platform leaves
/// things as they are.
pub(super) async fn keep_log(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    configure_close(connection, 1).await
}

/// Has the log folded in and removed again when this connection closes as the last one.
pub(super) async fn fold_log(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    configure_close(connection, 0).await
}

async fn configure_close(connection: &mut SqliteConnection, keeps: c_int) -> sqlx::Result<()> {
    let mut handle = connection.lock_handle().await?;
    let unasked = std::ptr::null_mut::<c_int>();
    #[expect(unsafe_code, reason = "the option has no SQL")]
    // SAFETY: the handle is open and locked; the option takes an int and a pointer that may be null.
    let code = unsafe {
        sqlite3_db_config(
            handle.as_raw_handle().as_ptr(),
            SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
            keeps,
            unasked,
        )
    };
    match code {
        SQLITE_OK => Ok(()),
        code => Err(sqlx::Error::Io(std::io::Error::other(format!(
            "it is unknown what happens to its log: SQLite's code {code}"
        )))),
    }
}

/// Copies a database page by page, as `source` sees it in its transaction, into an empty one. Tells after each step how many
/// pages are done and how many there are, and ends early where that answers false. Fails with SQLite's code.
pub(super) fn copy_pages(
    source: &mut LockedSqliteHandle<'_>,
    target: &mut LockedSqliteHandle<'_>,
    mut step: impl FnMut(u64, u64) -> bool,
) -> Result<bool, c_int> {
    let copying = Copying::begin(source, target).ok_or(SQLITE_ERROR)?;
    loop {
        let code = copying.step();
        if code != SQLITE_OK && code != SQLITE_DONE {
            return Err(code);
        }
        let (done, all) = copying.progress();
        if !step(done, all) {
            return Ok(false);
        }
        if code == SQLITE_DONE {
            return Ok(true);
        }
    }
}

/// SQLite's own copying, which ends when this is dropped. Both handles outlive it.
struct Copying(NonNull<sqlite3_backup>);

impl Copying {
    fn begin(
        source: &mut LockedSqliteHandle<'_>,
        target: &mut LockedSqliteHandle<'_>,
    ) -> Option<Self> {
        let main = c"main".as_ptr();
        let (source, target) = (source.as_raw_handle(), target.as_raw_handle());
        #[expect(unsafe_code, reason = "copying has no SQL that keeps a moment")]
        // SAFETY: both handles are open and locked, and the names end in zero.
        let backup = unsafe { sqlite3_backup_init(target.as_ptr(), main, source.as_ptr(), main) };
        NonNull::new(backup).map(Self)
    }

    fn step(&self) -> c_int {
        #[expect(unsafe_code, reason = "copying has no SQL that keeps a moment")]
        // SAFETY: the copying hasn't ended.
        unsafe {
            sqlite3_backup_step(self.0.as_ptr(), PAGES)
        }
    }

    fn progress(&self) -> (u64, u64) {
        #[expect(unsafe_code, reason = "copying has no SQL that keeps a moment")]
        // SAFETY: the copying hasn't ended.
        let (left, all) = unsafe {
            let backup = self.0.as_ptr();
            (
                sqlite3_backup_remaining(backup),
                sqlite3_backup_pagecount(backup),
            )
        };
        let all = u64::try_from(all).unwrap_or_default();
        (
            all.saturating_sub(u64::try_from(left).unwrap_or_default()),
            all,
        )
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "copying has no SQL that keeps a moment")]
        // SAFETY: this is its one end. What it answers was answered by the last step.
        let _told = unsafe { sqlite3_backup_finish(self.0.as_ptr()) };
    }
}
