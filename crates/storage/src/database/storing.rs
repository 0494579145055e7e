//! Whether the store takes writes, for readiness: what a write failed with, until one succeeds.
//!
//! Nobody may come to write while the process isn't ready, so that it tries by itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{StatVfsMountFlags, statvfs};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::sync::watch::Sender;

use super::{Database, Outage};
use crate::Storage;

/// Between looks.
const PAUSE: Duration = Duration::from_secs(1);
/// With less room than this a look is a write.
const LITTLE_ROOM: u64 = 1 << 20;
/// As much as a small write, into a table that is gone with its transaction.
const SERVER_WRITE: &str = "CREATE TEMPORARY TABLE store_probe ON COMMIT DROP AS SELECT repeat('x', 1000) FROM generate_series(1, 50)";

/// What the last writes of a store say. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Storing(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_failing: AtomicBool,
    /// Absent where nobody asks.
    report: Option<Sender<Option<String>>>,
}

impl Storing {
    /// What is told to the health of a storage.
    pub(super) fn reported_to(storage: &Storage) -> Self {
        Self(Arc::new(State {
            is_failing: AtomicBool::default(),
            report: Some(storage.health.report()),
        }))
    }

    /// Notes how a write ended.
    pub(super) fn note(&self, outcome: Result<(), &DbErr>) {
        let failure = match outcome {
            Ok(()) => None,
            Err(error) => match Outage::of(error) {
                Some(outage) if outage.is_of_disk() => Some(outage.to_string()),
                // It says nothing of the disk.
                _ => return,
            },
        };
        let is_failing = failure.is_some();
        let was_failing = self.0.is_failing.swap(is_failing, Ordering::AcqRel);
        let Some(report) = &self.0.report else { return };
        match failure {
            Some(problem) => {
                if !was_failing {
                    tracing::error!(%problem, "nothing can be stored");
                }
                report.send_replace(Some(problem));
            }
            None if was_failing => {
                tracing::info!("the database can be written again");
                report.send_replace(None);
            }
            None => {}
        }
    }

    fn is_failing(&self) -> bool {
        self.0.is_failing.load(Ordering::Acquire)
    }
}

impl Database {
    /// Tries to write from time to time: while writes fail, and while a file's disk has little room.
    pub(super) fn try_storing(&self, storage: &Storage, folder: Option<PathBuf>) {
        let (db, token) = (self.clone(), storage.tasks.token().clone());
        let trying = async move {
            loop {
                tokio::time::sleep(PAUSE).await;
                let is_tight = || folder.as_deref().is_some_and(has_little_room);
                if db.storing.is_failing() || is_tight() {
                    // The transaction notes how it ended.
                    let _noted = db.touch().await;
                }
            }
        };
        let _tracked = storage.tasks.spawn(token.run_until_cancelled_owned(trying));
    }

    /// Writes, and changes nothing.
    async fn touch(&self) -> Result<(), DbErr> {
        let touch = self.transaction(|tx| {
            Box::pin(async move {
                if tx.get_database_backend() == DbBackend::Postgres {
                    return tx.execute_unprepared(SERVER_WRITE).await.map(drop);
                }
                // A field of the file's header that nothing else uses.
                let read = Statement::from_string(DbBackend::Sqlite, "PRAGMA application_id");
                let row = tx.query_one_raw(read).await?;
                let id: i32 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
                tx.execute_unprepared(&format!("PRAGMA application_id = {id}"))
                    .await
                    .map(drop)
            })
        });
        let touched = touch.await;
        if let Err(error) = &touched
            && Outage::of(error).is_none()
        {
            // It may not make tables of this kind, which says nothing of its disk.
            self.storing.note(Ok(()));
        }
        touched
    }
}

fn has_little_room(folder: &Path) -> bool {
    statvfs(folder).is_ok_and(|disk| {
        let is_read_only = disk.f_flag.contains(StatVfsMountFlags::RDONLY);
        is_read_only || disk.f_bavail.saturating_mul(disk.f_frsize) < LITTLE_ROOM
    })
}
