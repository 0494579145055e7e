//! Group commit: a commit survives a power cut, because its log is synced before it is acknowledged, for many commits at once.
//!
//! SQLite would sync each commit within it, with everybody else's waiting. Here the next transaction goes on meanwhile, and one
//! sync serves all that were committed before it began.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, RuntimeErr, SqlxError, Statement,
};
use tokio::sync::Mutex;

/// Syncs the log of a file. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::database) struct Syncs(Arc<State>);

#[derive(Debug)]
struct State {
    log: PathBuf,
    /// The log as it was opened last, so that a process that may open no more files can sync what it commits.
    opened: std::sync::Mutex<Option<File>>,
    committed: AtomicU64,
    /// How many commits are synced. Held by the sync that runs; the others wait for it, and the first of them does the next.
    synced: Mutex<u64>,
    /// A sync failed. The system may have dropped what it couldn't write, and a later sync of the log wouldn't tell.
    is_doubtful: AtomicBool,
}

impl Syncs {
    /// Syncs of the log beside a file.
    pub(super) fn of(file: &Path) -> Self {
        let mut log = OsString::from(file);
        log.push("-wal");
        Self(Arc::new(State {
            log: log.into(),
            opened: std::sync::Mutex::default(),
            committed: AtomicU64::default(),
            synced: Mutex::default(),
            is_doubtful: AtomicBool::default(),
        }))
    }

    /// Waits until a commit that is done is synced. Where that fails nobody knows whether it would survive.
    pub(in crate::database) async fn committed(&self) -> Result<(), DbErr> {
        let ours = self.0.committed.fetch_add(1, Ordering::AcqRel) + 1;
        let mut synced = self.0.synced.lock().await;
        if *synced >= ours {
            return Ok(());
        }
        if self.0.is_doubtful.load(Ordering::Acquire) {
            return Err(failed(io::Error::other("a sync before this one failed")));
        }
        let all = self.0.committed.load(Ordering::Acquire);
        let state = Arc::clone(&self.0);
        let sync = tokio::task::spawn_blocking(move || state.sync());
        match sync
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
        {
            Ok(()) => {
                *synced = all;
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, log = %self.0.log.display(), "the database's log can't be synced");
                self.0.is_doubtful.store(true, Ordering::Release);
                Err(failed(error))
            }
        }
    }

    /// To be called before a transaction begins: after a sync that failed, the whole log is folded into the file first, which
    /// writes everything anew, and syncs it.
    pub(in crate::database) async fn settle(&self, db: &DatabaseConnection) -> Result<(), DbErr> {
        if !self.0.is_doubtful.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut synced = self.0.synced.lock().await;
        if !self.0.is_doubtful.load(Ordering::Acquire) {
            return Ok(());
        }
        let all = self.0.committed.load(Ordering::Acquire);
        let fold = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
        let row = db.query_one_raw(fold).await?;
        let is_busy: i64 = row.map_or(Ok(1), |row| row.try_get_by_index(0))?;
        if is_busy != 0 {
            return Err(failed(io::Error::other("the log can't be written back")));
        }
        *synced = all;
        self.0.is_doubtful.store(false, Ordering::Release);
        Ok(())
    }
}

impl State {
    /// Syncs the log that is there. SQLite takes it away where nobody has the file open, after everything in it is in the file,
    /// and makes another later.
    fn sync(&self) -> io::Result<()> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let id = |log: &fs::Metadata| (log.dev(), log.ino());
        let there = match fs::metadata(&self.log) {
            Ok(there) => id(&there),
            Err(error) => return if_there(error),
        };
        let kept = opened.as_ref().and_then(|log| log.metadata().ok());
        if kept.is_some_and(|kept| id(&kept) == there)
            && let Some(log) = &*opened
        {
            return log.sync_data();
        }
        match File::open(&self.log) {
            Ok(log) => opened.insert(log).sync_data(),
            Err(error) => if_there(error),
        }
    }
}

/// The failure of a sync, unless there is no log.
fn if_there(error: io::Error) -> io::Result<()> {
    match error.kind() {
        ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

fn failed(error: io::Error) -> DbErr {
    let error = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem => error,
        // Whatever it is, nothing can be stored.
        _ => io::Error::other(error),
    };
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(SqlxError::Io(error))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Outage;

    #[tokio::test]
    async fn trusts_no_sync_after_one_that_failed_until_the_log_is_folded_in() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("place");
        std::fs::write(&place, "no folder").unwrap();
        let syncs = Syncs::of(&place.join("test.sqlite"));
        let db = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
        let error = syncs.committed().await.unwrap_err();
        assert_eq!(Outage::of(&error), Some(Outage::Failing));
        // The disk works again, and what it lost meanwhile is lost.
        std::fs::remove_file(&place).unwrap();
        syncs.committed().await.unwrap_err();
        syncs.settle(&db).await.unwrap();
        syncs.committed().await.unwrap();
    }
    #[test]
    fn syncs_the_log_that_is_there_also_after_it_was_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let syncs = Syncs::of(&folder.path().join("test.sqlite"));
        let is_kept = || {
            syncs.0.sync().unwrap();
            let opened = syncs.0.opened.lock().unwrap();
            let there = fs::metadata(&syncs.0.log).ok();
            let kept = opened.as_ref().map(|log| log.metadata().unwrap().ino());
            there.is_some_and(|there| kept == Some(there.ino()))
        };
        assert!(!is_kept());
        fs::write(&syncs.0.log, "one").unwrap();
        assert!(is_kept());
        // While the other is still there, so that they don't have the same number.
        let aside = folder.path().join("aside");
        fs::rename(&syncs.0.log, &aside).unwrap();
        fs::write(&syncs.0.log, "another").unwrap();
        assert!(is_kept());
    }
}
