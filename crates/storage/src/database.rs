//! The relational store of a service: a SQLite file, or a schema of its own in PostgreSQL.
//!
//! Either way there are connections for reads and others for write transactions, which exclude one another: SQLite has
//! a single writer, PostgreSQL runs them serialisable. One that lost against another is run again.

mod after_commit;
mod connection;
mod fault;
mod inspect;
mod open_error;
mod outage;
mod pools;
mod postgres;
mod queue;
pub mod sqlite;
mod statements;
mod storing;
mod transaction;
mod trouble;
mod turn;
mod watch;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sea_orm::{DbErr, RuntimeErr};
use sea_orm_migration::{MigratorTrait, SchemaManager};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use self::after_commit::Hooks;
use self::queue::Place;
use self::sqlite::{Checkpoints, Syncs};
use self::storing::Storing;
use self::transaction::{Loss, Tries};
use self::watch::Watch;
use crate::{Durability, Storage};

pub use self::sqlite::is_settled;

pub use after_commit::after_commit;
pub use connection::Connection;
pub use fault::Fault;
pub use inspect::{Inspection, migration_names};
pub use open_error::OpenError;
pub use outage::Outage;
pub use statements::Statements;
pub use transaction::Transaction;
pub use turn::{Turn, Waiting};

/// The store of one service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    read: Connection,
    write: Connection,
    /// Absent on PostgreSQL, and where another process keeps the file.
    checkpoints: Option<Checkpoints>,
    /// Absent where commits aren't synced, or the server does it.
    syncs: Option<Syncs>,
    storing: Storing,
    /// The ends of transactions, which go on where nobody waits for them any more.
    endings: TaskTracker,
}

/// A future of a transaction's body, borrowed from its transaction.
pub type TransactionFuture<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

impl Database {
    /// Opens the store of a service where the host has it, and brings its tables up to date. Waits for a server that
    /// can't be reached for as long as it takes, and says so in the host's health; several processes may do this at once.
    ///
    /// # Errors
    /// Says what is missing or wrong, and no password.
    pub async fn open<M: MigratorTrait>(
        storage: &Storage,
        service: &str,
    ) -> Result<Self, OpenError> {
        let config = &storage.database;
        if !config.url.is_named() {
            let mut db = sqlite::open::<M>(&storage.database_file(service)).await?;
            if config.durability == Durability::Process {
                db.syncs = None;
            }
            db.storing = Storing::reported_to(storage, service);
            db.try_storing(storage, Some(storage.data_dir.clone()));
            if let Some(checkpoints) = &db.checkpoints {
                checkpoints.keep_emptying(&storage.tasks);
            }
            storage.stores.add(&db);
            pools::observe(service, &db.read, &db.write);
            return Ok(db);
        }
        let mut db = postgres::open::<M>(config, service, &storage.health.report()).await?;
        db.storing = Storing::reported_to(storage, service);
        db.try_storing(storage, None);
        pools::observe(service, &db.read, &db.write);
        let watch = Arc::new(Watch::new(&db.read, &config.url, service));
        storage.health.watch(&storage.tasks, move || {
            let watch = Arc::clone(&watch);
            async move { watch.look().await }
        });
        Ok(db)
    }

    /// Opens the store of a service as it is, even if another process has it open; `None` where the first start of the service
    /// has yet to make it.
    ///
    /// # Errors
    /// Says what is missing or wrong, and no password.
    pub async fn attach(storage: &Storage, service: &str) -> Result<Option<Self>, OpenError> {
        let config = &storage.database;
        if config.url.is_named() {
            return postgres::attach(config, service).await.map(Some);
        }
        let file = storage.database_file(service);
        match file.metadata().is_ok_and(|metadata| metadata.len() > 0) {
            true => sqlite::attach(&file).await.map(Some),
            // Opening an empty one would make a database of it.
            false => Ok(None),
        }
    }

    /// Looks at the store of a service where the host has it. A SQLite file must be there.
    ///
    /// # Errors
    /// As those of [`Database::open`], at once.
    pub async fn inspect(storage: &Storage, service: &str) -> Result<Inspection, OpenError> {
        let config = &storage.database;
        match config.url.is_named() {
            true => postgres::inspect(config, service).await,
            false => sqlite::inspect(&storage.database_file(service)).await,
        }
    }

    /// Brings the tables of a service up to date, and looks at them.
    ///
    /// # Errors
    /// As those of [`Database::open`].
    pub async fn migrate<M: MigratorTrait>(
        storage: &Storage,
        service: &str,
    ) -> Result<Inspection, OpenError> {
        let db = Self::open::<M>(storage, service).await?;
        if let Err(error) = db.close().await {
            tracing::warn!(%error, "a database was not closed cleanly");
        }
        Self::inspect(storage, service).await
    }

    /// The connections for reads that need no transaction with a write.
    pub fn read(&self) -> &Connection {
        &self.read
    }

    /// Whether other processes may use the store at the same time. A file belongs to one.
    pub fn is_shared(&self) -> bool {
        self.read.is_to_server()
    }

    /// The same store with a separate pool of connections, for small work that must never wait behind other work, such as
    /// heartbeats. For a file it is the same pool.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            read: self.read.separate_pool(),
            write: self.write.separate_pool(),
            ..self.clone()
        }
    }

    /// The same store, whose transactions don't wait for the disk: they survive the process, and a power cut may take the last
    /// of them. For what nobody was told, or would be done again. Whatever is committed later and waits has them synced too.
    #[must_use]
    pub fn unsynced(&self) -> Self {
        Self {
            syncs: None,
            ..self.clone()
        }
    }

    /// Whether the store has a table.
    pub async fn has_table(&self, name: &str) -> Result<bool, DbErr> {
        let pool = self.read.pool();
        SchemaManager::new(&pool).has_table(name).await
    }

    /// Runs a body in a write transaction: all of it happens, or nothing does, and as if no other ran beside it. The
    /// body may run several times, so all that it does must be in the transaction; it may borrow from its surroundings.
    ///
    /// Where this returns an outage, the transaction may have happened nevertheless: nobody knows.
    pub async fn transaction<'env, T, E, F>(&self, body: F) -> Result<T, E>
    where
        T: Send,
        E: From<DbErr> + Send,
        F: for<'a> Fn(&'a Transaction<'env>) -> TransactionFuture<'a, T, E> + Send + Sync,
    {
        let mut tries = Tries::default();
        loop {
            // Here, where it is known who waits.
            let place = self.write.place().await;
            let place = place.map_err(|error| self.storing.cause_of(error))?;
            let transaction = self.begin(place).await?;
            let (done, hooks) = Hooks::gather(body(&transaction)).await;
            let (error, loss): (E, _) = match done {
                Ok(value) => match self.commit(transaction, hooks).await {
                    Ok(()) => return Ok(value),
                    Err(error) => {
                        let loss = Loss::of(&error);
                        (error.into(), loss)
                    }
                },
                Err(error) => {
                    let loss = transaction.loss();
                    if let Some(failure) = transaction.failure() {
                        self.storing.note(Err(&failure));
                    }
                    transaction.rollback().await;
                    (error, loss)
                }
            };
            let is_worth_it = match loss {
                Some(loss) => tries.again(loss).await,
                None => false,
            };
            if !is_worth_it {
                return Err(error);
            }
        }
    }

    async fn begin<'env>(&self, place: Place) -> Result<Transaction<'env>, DbErr> {
        let write = self.write.clone();
        let syncs = self.syncs.clone();
        let storing = self.storing.clone();
        let begin = async move {
            if let Some(syncs) = syncs {
                syncs.settle(&write.pool()).await?;
            }
            Transaction::begin(&write, place, &storing).await
        };
        let begun = match self.write.is_to_server() {
            true => self.see_through(begin).await,
            false => begin.await,
        };
        begun.inspect_err(|error| self.storing.note(Err(error)))
    }

    /// Commits, does what the body wanted done then, and waits for the disk. All of it also where the caller is gone.
    async fn commit(&self, transaction: Transaction<'_>, hooks: Hooks) -> Result<(), DbErr> {
        let (transaction, db) = (transaction.without_body(), self.clone());
        let ending = async move {
            let committed = match (transaction.commit().await, &db.syncs) {
                (Ok(()), Some(syncs)) => syncs.committed().await.map_err(|error| (true, error)),
                (Ok(()), None) => Ok(()),
                (Err(error), _) => Err((false, error)),
            };
            let outcome = committed.as_ref().map(|&()| ());
            db.storing.note(outcome.map_err(|(_, error)| error));
            if !matches!(committed, Err((false, _))) {
                hooks.run();
                if let Some(checkpoints) = &db.checkpoints {
                    checkpoints.committed();
                }
            }
            committed.map_err(|(_, error)| error)
        };
        self.see_through(ending).await
    }

    /// Does something to its end, also where nobody waits for it any more.
    async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, DbErr>> + Send + 'static,
    ) -> Result<T, DbErr> {
        let ended = self.endings.spawn(work.in_current_span()).await;
        ended.unwrap_or_else(|error| {
            let broken = format!("a transaction has no end: {error}");
            Err(DbErr::Conn(RuntimeErr::Internal(broken)))
        })
    }

    /// Closes the connections; SQLite then folds its log into the file.
    pub async fn close(self) -> Result<(), DbErr> {
        self.endings.close();
        self.endings.wait().await;
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.finish().await;
        }
        self.read.close().await?;
        self.write.close().await
    }
}
