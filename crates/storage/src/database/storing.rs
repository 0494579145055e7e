//! Whether the store takes writes, for readiness: what the last failed write failed with, until writes have succeeded for a while.
//!
//! One that succeeds says little: on a disk that is about to fail, or is almost full, some do and others don't. And nobody may come
//! to write while the process isn't ready, so that it tries by itself.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{StatVfsMountFlags, statvfs};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::sync::watch::Sender;
use tokio::time::Instant;

use super::outage::LockedOut;
use super::queue::overrun;
use super::sqlite::ACQUIRE_TIMEOUT;
use super::{Database, Outage};
use crate::Storage;

/// Between looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Writes of a look while others fail. It ends with the first that fails too.
const TOUCHES: u32 = 10;
/// How long no write may have failed until the store is trusted again. It doubles each time that this was too short, up to the most.
const CALM: Duration = Duration::from_secs(1);
const MOST_CALM: Duration = Duration::from_secs(8);
/// A failure that comes so soon after the store was trusted again shows that this was too short.
const SOON: Duration = Duration::from_secs(60);
/// With less room than this a look is a write.
const LITTLE_ROOM: u64 = 1 << 20;
/// As much as a small write, into a table that is gone with its transaction.
const SERVER_WRITE: &str = "CREATE TEMPORARY TABLE store_probe ON COMMIT DROP AS SELECT repeat('x', 1000) FROM generate_series(1, 50)";

/// What the last writes of a store say. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Storing(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether there is a failure, so that most writes need no more than a look.
    is_failing: AtomicBool,
    /// Whether the last write met another program's lock, or still waits for it.
    is_locked: AtomicBool,
    course: Mutex<Course>,
    /// Absent where nobody asks.
    told: Option<Told>,
}

/// Whom it is told to.
#[derive(Debug)]
struct Told {
    /// Whose store it is, for the log.
    service: String,
    report: Sender<Option<String>>,
}

impl Told {
    fn fails(&self, outage: Outage, is_new: bool) {
        let (service, problem) = (self.service.as_str(), outage.to_string());
        match outage {
            _ if !is_new => {}
            Outage::Locked => tracing::warn!(service, %problem, "writes fail"),
            _ => tracing::error!(service, %problem, "writes fail"),
        }
        self.report.send_replace(Some(problem));
    }

    fn is_over(&self) {
        let service = self.service.as_str();
        tracing::info!(service, "the database can be written again");
        self.report.send_replace(None);
    }
}

/// How the last writes went.
#[derive(Debug, Default)]
struct Course {
    /// When the last one failed, until the store is trusted again.
    failed: Option<Instant>,
    /// When it was trusted again.
    trusted: Option<Instant>,
    /// How long none may fail before it is.
    calm: Duration,
}

impl Course {
    /// A write failed. True if the store was trusted before.
    fn fails(&mut self, now: Instant) -> bool {
        if self.failed.replace(now).is_some() {
            return false;
        }
        let is_soon = self.trusted.is_some_and(|trusted| now - trusted < SOON);
        self.calm = match is_soon {
            true => (self.calm * 2).min(MOST_CALM),
            false => CALM,
        };
        true
    }

    /// A write succeeded. True if the store is trusted again from now on.
    fn succeeds(&mut self, now: Instant) -> bool {
        if self.failed.is_none_or(|failed| now - failed < self.calm) {
            return false;
        }
        self.failed = None;
        self.trusted = Some(now);
        true
    }
}

impl Storing {
    /// What is told to the health of a storage.
    pub(super) fn reported_to(storage: &Storage, service: &str) -> Self {
        let told = Told {
            service: service.to_owned(),
            report: storage.health.report(),
        };
        Self(Arc::new(State {
            told: Some(told),
            ..State::default()
        }))
    }

    /// Notes how a write ended.
    pub(super) fn note(&self, outcome: Result<(), &DbErr>) {
        let failure = match outcome {
            Ok(()) => None,
            Err(error) => match Outage::of(error) {
                Some(outage) if outage.stops_writes() => Some(outage),
                // It says nothing of the store.
                _ => return,
            },
        };
        if failure.is_none() && !self.is_failing() {
            return;
        }
        let course = self.0.course.lock();
        let mut course = course.unwrap_or_else(PoisonError::into_inner);
        let is_new = match failure {
            Some(_) => course.fails(Instant::now()),
            None => course.succeeds(Instant::now()),
        };
        let is_failing = course.failed.is_some();
        self.0.is_failing.store(is_failing, Ordering::Release);
        match (&self.0.told, failure) {
            (Some(told), Some(outage)) => told.fails(outage, is_new),
            (Some(told), None) if is_new => told.is_over(),
            _ => {}
        }
    }

    /// Does what takes a file's lock, again while another program has that, as long as a write waits for it.
    pub(super) async fn past_lock<T, F>(&self, mut take: impl FnMut() -> F) -> Result<T, DbErr>
    where
        F: Future<Output = Result<T, DbErr>>,
    {
        let until = Instant::now() + ACQUIRE_TIMEOUT;
        loop {
            let taken = take().await;
            let is_locked = taken.as_ref().err().and_then(Outage::of) == Some(Outage::Locked);
            self.0.is_locked.store(is_locked, Ordering::Release);
            if !is_locked || Instant::now() >= until {
                return taken;
            }
        }
    }

    /// Why a write's turn didn't come: those before it may wait for another program, and not for one another.
    pub(super) fn cause_of(&self, error: DbErr) -> DbErr {
        match Outage::of(&error) {
            Some(Outage::Busy) if self.0.is_locked.load(Ordering::Acquire) => overrun(LockedOut),
            _ => error,
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
                let touches = match db.storing.is_failing() {
                    true => TOUCHES,
                    false => u32::from(is_tight()),
                };
                for _ in 0..touches {
                    // The transaction notes how it ended.
                    if db.touch().await.is_err() {
                        break;
                    }
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
                // A field of the file's header, which stays as it is.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_trusted_again_once_no_write_failed_for_a_while() {
        let mut course = Course::default();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        assert!(!course.succeeds(at(0)));
        assert!(course.fails(at(0)));
        assert!(!course.succeeds(at(999)));
        assert!(!course.fails(at(999)));
        assert!(!course.succeeds(at(1998)) && course.succeeds(at(1999)));
        assert!(!course.succeeds(at(3000)));
    }

    #[test]
    fn a_store_that_fails_soon_again_is_trusted_later() {
        let mut course = Course::default();
        let mut now = Instant::now();
        let mut calms = Vec::new();
        for _ in 0..6 {
            assert!(course.fails(now));
            calms.push(course.calm.as_secs());
            now += course.calm;
            assert!(course.succeeds(now));
        }
        assert_eq!(calms, [1, 2, 4, 8, 8, 8]);
        assert!(course.fails(now + SOON));
        assert_eq!(course.calm, CALM);
    }
}
