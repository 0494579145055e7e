//! The relational store of a service: a SQLite file, or a schema of its own in PostgreSQL.
//!
//! Either way there are connections for reads and others for write transactions, which exclude one another: SQLite has
//! a single writer, PostgreSQL runs them serialisable. One that lost against another is run again.

mod after_commit;
mod connection;
mod inspect;
mod outage;
mod pools;
mod postgres;
mod sqlite;
mod transaction;
mod turn;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigratorTrait, SchemaManager};

use self::after_commit::Hooks;
use self::sqlite::Checkpoints;
use self::transaction::Tries;
use crate::Host;

pub use after_commit::after_commit;
pub use connection::Connection;
pub use inspect::Inspection;
pub use outage::Outage;
pub use transaction::Transaction;
pub use turn::Turn;

/// The store of one service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    read: Connection,
    write: Connection,
    /// Absent on PostgreSQL.
    checkpoints: Option<Checkpoints>,
}

/// A future of a transaction's body, borrowed from its transaction.
pub type TransactionFuture<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

impl Database {
    /// Opens the store of a service where the host has it, and brings its tables up to date. Waits for a server that
    /// can't be reached for as long as it takes, and says so in the host's health; several processes may do this at once.
    ///
    /// # Errors
    /// Says what is missing or wrong, and no password.
    pub async fn open<M: MigratorTrait>(host: &Host, service: &str) -> Result<Self, OpenError> {
        let config = &host.backends.database;
        if !config.url.is_named() {
            let db = sqlite::open::<M>(&host.database_file(service)).await?;
            pools::observe(service, &db.read, &db.write);
            return Ok(db);
        }
        let db = postgres::open::<M>(config, service, &host.health.report()).await?;
        pools::observe(service, &db.read, &db.write);
        let read = db.read.clone();
        host.health.watch(&host.tasks, move || {
            let read = read.clone();
            async move {
                let answer = read.execute_unprepared("SELECT 1").await;
                let outage = answer.err().as_ref().and_then(Outage::of);
                outage.map_or(Ok(()), |outage| Err(outage.to_string()))
            }
        });
        Ok(db)
    }

    /// Opens the store of a service as it is, beside whoever else has it open; `None` where the first start of the service
    /// has yet to make it.
    ///
    /// # Errors
    /// Says what is missing or wrong, and no password.
    pub async fn attach(host: &Host, service: &str) -> Result<Option<Self>, OpenError> {
        let config = &host.backends.database;
        if config.url.is_named() {
            return postgres::attach(config, service).await.map(Some);
        }
        let file = host.database_file(service);
        match file.exists() {
            true => sqlite::attach(&file).await.map(Some),
            false => Ok(None),
        }
    }

    /// Brings the tables of a service up to date, and looks at them.
    ///
    /// # Errors
    /// As those of [`Database::open`].
    pub async fn migrate<M: MigratorTrait>(
        host: &Host,
        service: &str,
    ) -> Result<Inspection, OpenError> {
        let db = Self::open::<M>(host, service).await?;
        if let Err(error) = db.close().await {
            tracing::warn!(%error, "a database was not closed in order");
        }
        Self::inspect(host, service).await
    }

    /// The connections for reads that need no transaction with a write.
    pub fn read(&self) -> &Connection {
        &self.read
    }

    /// Whether other processes may use the store at the same time. A file belongs to one.
    pub fn is_shared(&self) -> bool {
        self.read.is_to_server()
    }

    /// The same store by connections of its own, for work that is small and must not wait behind all else. A file has none.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            read: self.read.beside(),
            write: self.write.beside(),
            checkpoints: self.checkpoints.clone(),
        }
    }

    /// Whether the store has a table.
    pub(crate) async fn has_table(&self, name: &str) -> Result<bool, DbErr> {
        let pool = self.read.pool();
        SchemaManager::new(&pool).has_table(name).await
    }

    /// Runs a body in a write transaction: all of it happens, or nothing does, and as if no other ran beside it. The
    /// body may run several times, so all that it does must be in the transaction; it may borrow from its surroundings.
    pub async fn transaction<'env, T, E, F>(&self, body: F) -> Result<T, E>
    where
        T: Send,
        E: From<DbErr> + Send,
        F: for<'a> Fn(&'a Transaction<'env>) -> TransactionFuture<'a, T, E> + Send + Sync,
    {
        let mut tries = Tries::default();
        loop {
            let transaction = Transaction::begin(&self.write).await?;
            let (done, hooks) = Hooks::gather(body(&transaction)).await;
            let lost = match done {
                Ok(value) => match transaction.commit().await {
                    Ok(()) => {
                        hooks.run();
                        if let Some(checkpoints) = &self.checkpoints {
                            checkpoints.committed(&self.read.pool());
                        }
                        return Ok(value);
                    }
                    Err(error) if transaction::is_lost(&error) => error.into(),
                    Err(error) => return Err(error.into()),
                },
                Err(error) if transaction.is_lost() => {
                    transaction.rollback().await;
                    error
                }
                Err(error) => {
                    transaction.rollback().await;
                    return Err(error);
                }
            };
            if !tries.again().await {
                return Err(lost);
            }
        }
    }

    /// Closes the connections; SQLite then folds its log into the file.
    pub async fn close(self) -> Result<(), DbErr> {
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.finish().await;
        }
        self.read.close().await?;
        self.write.close().await
    }
}

/// A database that can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The SQLite file.
    #[error("the database {} can't be opened: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: DbErr,
    },
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
        "PostgreSQL can't be reached at {server}: {cause}. Start it, correct database.url, or remove that to keep data in SQLite files"
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
    /// The schema or its tables can't be made or brought up to date.
    #[error("the schema {schema} of PostgreSQL at {server} can't be brought up to date: {source}")]
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
