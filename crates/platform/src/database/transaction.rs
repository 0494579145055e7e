//! Write transactions, and when one is worth another try.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::RngExt;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    SqlxError, SqlxPostgresError, Statement, TransactionTrait,
};
use sea_orm_migration::async_trait::async_trait;

use super::{Connection, Outage};

/// How often a body is run.
const TRIES: u32 = 12;
/// The longest pause after the first try, which doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A write transaction, in which statements run. What its body borrows lives for `'env`.
pub struct Transaction<'env> {
    inner: DatabaseTransaction,
    connection: Connection,
    /// Whether a statement failed because another transaction was in its way.
    is_lost: AtomicBool,
    /// Whether a statement failed because the database is out of reach.
    is_cut_off: AtomicBool,
    env: PhantomData<&'env ()>,
}

impl Transaction<'_> {
    pub(super) async fn begin(connection: &Connection) -> Result<Self, DbErr> {
        let pool = connection.pool();
        Ok(Self {
            inner: connection.guard(pool.begin()).await?,
            connection: connection.clone(),
            is_lost: AtomicBool::default(),
            is_cut_off: AtomicBool::default(),
            env: PhantomData,
        })
    }

    pub(super) async fn commit(self) -> Result<(), DbErr> {
        self.connection.guard(self.inner.commit()).await
    }

    /// Best effort: the server does it as well when the connection goes. One that is out of reach isn't waited for.
    pub(super) async fn rollback(self) {
        if self.is_cut_off.load(Ordering::Relaxed) {
            return;
        }
        let _ = self.connection.guard(self.inner.rollback()).await;
    }

    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    fn noted<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        if let Err(error) = &result {
            self.is_lost.fetch_or(is_lost(error), Ordering::Relaxed);
            let is_cut_off = Outage::of(error) == Some(Outage::Unreachable);
            self.is_cut_off.fetch_or(is_cut_off, Ordering::Relaxed);
        }
        result
    }
}

#[async_trait]
impl ConnectionTrait for Transaction<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let execute = self.inner.execute_raw(statement);
        self.noted(self.connection.guard(execute).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let execute = self.inner.execute_unprepared(sql);
        self.noted(self.connection.guard(execute).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let query = self.inner.query_one_raw(statement);
        self.noted(self.connection.guard(query).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let query = self.inner.query_all_raw(statement);
        self.noted(self.connection.guard(query).await)
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transaction(..)")
    }
}

/// Whether a transaction failed only because another was faster: run again, it sees what the other did. PostgreSQL may
/// say that a key is taken where it should say that the transactions can't be ordered.
pub(super) fn is_lost(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let SqlxError::Database(error) = error.as_ref() else {
        return false;
    };
    let code = error.try_downcast_ref::<SqlxPostgresError>();
    code.is_some_and(|error| matches!(error.code(), "40001" | "40P01" | "23505"))
}

/// Counts the tries of a transaction.
#[derive(Debug, Default)]
pub(super) struct Tries(u32);

impl Tries {
    /// Waits before another try, for a time that differs from that of others. False if there were enough.
    pub(super) async fn again(&mut self) -> bool {
        self.0 += 1;
        if self.0 >= TRIES {
            return false;
        }
        let longest = LONGEST_PAUSE.min(FIRST_PAUSE * (1 << self.0.min(16)));
        let pause = longest.mul_f64(rand::rng().random_range(0.0..=1.0));
        tokio::time::sleep(pause).await;
        true
    }
}
