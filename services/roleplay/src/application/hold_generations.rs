//! The lease of this process on the generations that it runs, kept by heartbeats, where several share the database.
//!
//! Each process counts beats, and ends what those left running that have stopped beating. A generation belongs to the process
//! that began it, for good: nobody goes on with what another has begun to write, so that to have ended it is enough to keep its
//! process from writing more. What only waits is taken over. Every write of that one is in a transaction that finds the generation running.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sea_orm::DbErr;
use storage::Database;
use tokio::time::{Instant, MissedTickBehavior};

use super::{Chats, Error};
use crate::domain::holder::{BEAT, Sightings};
use crate::domain::ids::{GenerationId, HolderId};
use crate::infrastructure::holder_file::HolderFile;
use crate::infrastructure::queries::{generations, holders};

/// A generation begins with a beat that is at most so old: a process that stood still may be taken for gone.
const FRESH: Duration = Duration::from_secs(2);

/// The lease of this process, as others see it in the database.
#[derive(Debug)]
pub(crate) struct Hold {
    id: HolderId,
    /// Connections that wait for nothing else; absent where no other process uses the database.
    db: Option<Database>,
    last_beat: Mutex<Option<Instant>>,
    /// The hold on the data folder; absent where another process has it, or nobody can write there.
    file: Option<HolderFile>,
}

impl Hold {
    /// A process that hasn't beaten yet.
    pub(crate) fn new(db: &Database, data_dir: &Path) -> Self {
        let id = HolderId::new();
        let is_shared = db.is_shared();
        let claim = || match HolderFile::claim(data_dir, id) {
            Ok(file) => file,
            Err(error) => {
                tracing::warn!(%error, "the data folder can't tell of the process before this one");
                None
            }
        };
        Self {
            id,
            db: is_shared.then(|| db.beside()),
            last_beat: Mutex::default(),
            file: is_shared.then(claim).flatten(),
        }
    }

    /// This process.
    pub(super) fn id(&self) -> HolderId {
        self.id
    }

    /// Whether other processes may run generations too.
    pub(super) fn is_shared(&self) -> bool {
        self.db.is_some()
    }

    /// Sees to it that others know that this process lives.
    pub(super) async fn refresh(&self) -> Result<(), DbErr> {
        let last = *self
            .last_beat
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &self.db {
            Some(db) if last.is_none_or(|last| last.elapsed() > FRESH) => self.beat(db).await,
            _ => Ok(()),
        }
    }

    async fn beat(&self, db: &Database) -> Result<(), DbErr> {
        let (begin, id) = (Instant::now(), self.id);
        db.transaction(|tx| Box::pin(async move { holders::beat(tx, id).await }))
            .await?;
        let mut last = self
            .last_beat
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = Some(begin);
        Ok(())
    }
}

impl Chats {
    /// Takes hold, and ends what nobody runs any more; the text that was stored is kept. To be called before jobs start.
    pub(crate) async fn take_hold(&self) -> Result<(), Error> {
        let predecessor = self.hold.file.as_ref().and_then(|file| file.predecessor);
        if let Some(id) = predecessor {
            let delete = self
                .db
                .transaction(|tx| Box::pin(async move { holders::delete(tx, id).await }));
            delete.await?;
        }
        self.hold.refresh().await?;
        self.end_orphans().await?;
        if let Some(db) = self.hold.db.clone() {
            self.tasks.spawn(self.clone().keep_hold(db));
        }
        Ok(())
    }

    /// Beats, and looks at the others, until the process stops and its last generation has ended.
    async fn keep_hold(self, db: Database) {
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (begin, mut sightings) = (Instant::now(), Sightings::default());
        let mut is_well = true;
        loop {
            tokio::select! {
                biased;
                () = self.tasks.stopping(), if self.live.is_empty() => break,
                _ = beats.tick() => {}
            }
            let looked = self.look_around(&db, begin, &mut sightings).await;
            if let Err(error) = &looked {
                sightings.lose_sight();
                if is_well {
                    tracing::warn!(%error, "other processes can't be told that this one lives");
                }
            }
            is_well = looked.is_ok();
        }
        let id = self.hold.id;
        let leave = db.transaction(|tx| Box::pin(async move { holders::delete(tx, id).await }));
        if let Err(error) = leave.await {
            tracing::debug!(%error, "other processes will find out that this one is gone");
        }
    }

    async fn look_around(
        &self,
        db: &Database,
        begin: Instant,
        sightings: &mut Sightings,
    ) -> Result<(), Error> {
        // Before the rows: what begins in between isn't taken for lost.
        let stored = self.live.stored();
        self.hold.beat(db).await?;
        self.mind_own(db, &stored).await?;
        let holders = holders::list(db.read()).await?;
        for gone in sightings.look(begin.elapsed(), &holders) {
            let bury = db.transaction(|tx| Box::pin(async move { holders::bury(tx, gone).await }));
            if bury.await? {
                tracing::info!(holder.id = %gone.id, "a process is gone");
            }
        }
        self.end_orphans().await
    }

    /// Does to the generations of this process what others asked for.
    async fn mind_own(&self, db: &Database, stored: &[GenerationId]) -> Result<(), Error> {
        let held = generations::held(db.read(), self.hold.id).await?;
        for id in stored.iter().filter(|id| !held.contains_key(id)) {
            self.live.lose(*id);
        }
        for (id, cancel_requested) in held {
            match self.live.find(id) {
                Some(watched) if cancel_requested => watched.cancel.cancel(),
                Some(_) => {}
                // Its end could not be stored.
                None => self.end_lost(id).await?,
            }
        }
        Ok(())
    }

    /// Ends what processes left running that are gone, and takes over what waits in them.
    async fn end_orphans(&self) -> Result<(), Error> {
        for id in generations::orphans(self.db.read()).await? {
            if !self.adopt_waiting(id).await? {
                self.end_lost(id).await?;
            }
        }
        Ok(())
    }
}
