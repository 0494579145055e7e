//! Write transactions, and when one is worth another try.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, QueryTrait,
    RuntimeErr, SqliteTransactionMode, SqlxError, SqlxPostgresError, Statement, TransactionOptions,
    TransactionTrait,
};
use sea_orm_migration::async_trait::async_trait;

use super::queue::Place;
use super::storing::Storing;
use super::{Connection, Outage};

/// How often a body is run at most. Each loss means that another transaction was committed, so replicas that write the same
/// rows make progress while one of them loses. Twelve tries with these pauses (exponential back-off with full jitter) take
/// 0.6 s on average and 1.3 s at most: longer than a burst of conflicts, and shorter than the two seconds after which a call
/// says that the database is away.
const TRIES: u32 = 12;
/// How often a body is run at most that finds a key taken. Run again after a conflict it sees who took it; if it doesn't then, the
/// key is really taken, and no further try changes that.
const TRIES_FOR_A_KEY: u32 = 3;
/// Statements that SQLite is given at a time.
const MOST_AT_ONCE: usize = 16;
/// Half of the longest pause after the first try. Each further pause may be twice as long, and is random, so that those who
/// collided don't collide again.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A write transaction, in which statements run. What its body borrows lives for `'env`.
///
/// One whose statement failed, or was given up half-way, is never committed, and runs no more statements: the database may
/// have ended it already, and then each statement that follows would stand for itself.
pub struct Transaction<'env> {
    inner: DatabaseTransaction,
    connection: Connection,
    /// Its turn at a connection.
    place: Place,
    /// The first failure of a statement.
    failure: Mutex<Option<DbErr>>,
    /// Statements that haven't ended.
    running: AtomicU32,
    /// Statements that go with the next one.
    waiting: Mutex<Vec<Statement>>,
    env: PhantomData<&'env ()>,
}

impl Transaction<'_> {
    /// Begins a transaction. On a server this isn't to be dropped before it is done: the driver would take a connection for
    /// free that has begun one.
    pub(super) async fn begin(
        connection: &Connection,
        place: Place,
        storing: &Storing,
    ) -> Result<Self, DbErr> {
        let pool = connection.pool();
        // On SQLite it waits for another process's write here, where it can: one that has read already would fail at once.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let begin = || connection.guard(pool.begin_with_options(options));
        Ok(Self {
            inner: storing.past_lock(begin).await?,
            connection: connection.clone(),
            place,
            failure: Mutex::default(),
            running: AtomicU32::default(),
            waiting: Mutex::default(),
            env: PhantomData,
        })
    }

    /// The end of one whose body succeeded: it is committed, unless a statement failed nevertheless.
    pub(super) async fn commit(self) -> Result<(), DbErr> {
        let waiting = self.carry_out_waiting().await.err();
        let failure = self.failure().or(waiting).or_else(|| {
            let is_abandoned = self.running.load(Ordering::Relaxed) > 0;
            is_abandoned.then(|| {
                let abandoned = "a statement of the transaction was given up half-way".to_owned();
                DbErr::Conn(RuntimeErr::Internal(abandoned))
            })
        });
        if let Some(failure) = failure {
            self.rollback().await;
            return Err(failure);
        }
        self.connection.guard(self.inner.commit()).await
    }

    /// Best effort: the server does it as well when the connection goes. One that is out of reach isn't waited for.
    pub(super) async fn rollback(self) {
        let outage = self.failure().as_ref().and_then(Outage::of);
        if self.connection.is_to_server() && outage == Some(Outage::Unreachable) {
            return;
        }
        let _ = self.connection.guard(self.inner.rollback()).await;
    }

    /// The same, once its body has ended.
    pub(super) fn without_body(self) -> Transaction<'static> {
        Transaction {
            inner: self.inner,
            connection: self.connection,
            place: self.place,
            failure: self.failure,
            running: self.running,
            waiting: self.waiting,
            env: PhantomData,
        }
    }

    /// How another transaction was in its way, if a statement failed because of that.
    pub(super) fn loss(&self) -> Option<Loss> {
        self.failure().as_ref().and_then(Loss::of)
    }

    pub(super) fn failure(&self) -> Option<DbErr> {
        let failure = self.failure.lock();
        failure.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes something whose result nobody waits for. It is carried out before the next statement that somebody waits for, or
    /// before the commit, and its failure is that one's. SQLite gets all that is put off at once: each wait for it costs two
    /// switches of threads.
    pub fn put_off(&self, write: impl QueryTrait) {
        let statement = write.build(self.get_database_backend());
        let waiting = self.waiting.lock();
        waiting
            .unwrap_or_else(PoisonError::into_inner)
            .push(statement);
    }

    async fn carry_out_waiting(&self) -> Result<(), DbErr> {
        let waiting = {
            let waiting = self.waiting.lock();
            std::mem::take(&mut *waiting.unwrap_or_else(PoisonError::into_inner))
        };
        let statements = match self.get_database_backend() {
            DbBackend::Sqlite => waiting.chunks(MOST_AT_ONCE).map(as_one).collect(),
            _ => waiting,
        };
        for statement in statements {
            self.run(self.inner.execute_raw(statement)).await?;
        }
        Ok(())
    }

    async fn run<T>(
        &self,
        statement: impl Future<Output = Result<T, DbErr>> + Send,
    ) -> Result<T, DbErr> {
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        self.running.fetch_add(1, Ordering::Relaxed);
        let result = self.connection.guard(statement).await;
        self.running.fetch_sub(1, Ordering::Relaxed);
        if let Err(error) = &result {
            let failure = self.failure.lock();
            let mut failure = failure.unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert_with(|| error.clone());
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
        self.carry_out_waiting().await?;
        self.run(self.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.carry_out_waiting().await?;
        self.run(self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.carry_out_waiting().await?;
        self.run(self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.carry_out_waiting().await?;
        self.run(self.inner.query_all_raw(statement)).await
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transaction(..)")
    }
}

/// Several statements as SQLite takes them: one after another, each with its values.
fn as_one(statements: &[Statement]) -> Statement {
    let (mut sql, mut values) = (String::new(), Vec::new());
    for statement in statements {
        sql.push_str(&statement.sql);
        sql.push(';');
        let own = statement.values.iter().flat_map(|values| &values.0);
        values.extend(own.cloned());
    }
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}

/// How a transaction failed only because another was faster: run again, it sees what the other did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// They can't be ordered.
    Conflict,
    /// A key is taken. PostgreSQL may say so where it should say that the transactions can't be ordered.
    KeyTaken,
}

impl Loss {
    pub(super) fn of(error: &DbErr) -> Option<Self> {
        let (DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))) = error
        else {
            return None;
        };
        let SqlxError::Database(error) = error.as_ref() else {
            return None;
        };
        match error.try_downcast_ref::<SqlxPostgresError>()?.code() {
            "40001" | "40P01" => Some(Self::Conflict),
            "23505" => Some(Self::KeyTaken),
            _ => None,
        }
    }
}

/// Counts the tries of a transaction.
#[derive(Debug, Default)]
pub(super) struct Tries {
    all: u32,
    /// Those that found a key taken.
    for_a_key: u32,
}

impl Tries {
    /// Waits before another try, for a time that differs from that of others. False if there were enough.
    pub(super) async fn again(&mut self, loss: Loss) -> bool {
        self.all += 1;
        self.for_a_key += u32::from(loss == Loss::KeyTaken);
        if self.all >= TRIES || self.for_a_key >= TRIES_FOR_A_KEY {
            return false;
        }
        let longest = LONGEST_PAUSE.min(FIRST_PAUSE * (1 << self.all.min(16)));
        let pause = longest.mul_f64(rand::rng().random_range(0.0..=1.0));
        tokio::time::sleep(pause).await;
        true
    }
}
