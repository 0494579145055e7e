//! Leader election: of several processes, one is the leader for a task, such as sending an outbox in its order.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    Statement, TransactionTrait,
};

use super::{Connection, Database};

/// How long the server may take to answer. With a check every two seconds, a leader notices a silent server after four: before
/// its lease of six seconds ends and another process leads.
const PATIENCE: Duration = Duration::from_secs(2);
/// The leader's lease. After this long without a statement of the leader, the server ends its transaction, and with it the
/// lock: the process may be stuck, or its machine gone. TCP alone would notice that only after minutes.
const SILENCE: &str = "SET LOCAL idle_in_transaction_session_timeout = '6s'";

/// The leader's lease: the turn to do something. The lease ends when this is dropped, when the process dies, and when the
/// server loses sight of the process; then [`Turn::check`] fails.
#[derive(Debug)]
pub struct Turn(Option<Lock>);

/// A lock of PostgreSQL that goes with its transaction, on a connection of its own.
#[derive(Debug)]
struct Lock {
    transaction: DatabaseTransaction,
    _connection: DatabaseConnection,
}

/// A candidate: waits to become the leader, on a connection that it keeps.
#[derive(Debug)]
pub struct Waiting {
    to: String,
    store: Connection,
    /// Absent until it is needed, and after a failure.
    connection: Option<DatabaseConnection>,
}

impl Database {
    /// Makes this process a candidate. Of the processes that share the store, one at a time is the leader.
    pub fn wait_for_turn(&self, to: impl Into<String>) -> Waiting {
        Waiting {
            to: to.into(),
            store: self.read.clone(),
            connection: None,
        }
    }
}

impl Waiting {
    /// Becomes the leader, unless another process that shares the store is. A SQLite file isn't shared.
    ///
    /// # Errors
    /// The server can't be asked.
    pub async fn try_take(&mut self) -> Result<Option<Turn>, DbErr> {
        let Some(connection) = self
            .connection
            .take()
            .or_else(|| self.store.new_connection())
        else {
            return Ok(Some(Turn(None)));
        };
        let isolation = Some(IsolationLevel::ReadCommitted);
        let transaction = soon(connection.begin_with_config(isolation, None)).await?;
        let lock = "SELECT pg_try_advisory_xact_lock(hashtext(current_schema()), hashtext($1))";
        let values = [self.to.as_str().into()];
        let lock = Statement::from_sql_and_values(DbBackend::Postgres, lock, values);
        let row = soon(transaction.query_one_raw(lock)).await?;
        let is_ours = match row {
            Some(row) => row.try_get_by_index(0)?,
            None => false,
        };
        if !is_ours {
            soon(transaction.rollback()).await?;
            self.connection = Some(connection);
            return Ok(None);
        }
        soon(transaction.execute_unprepared(SILENCE)).await?;
        let lock = Lock {
            transaction,
            _connection: connection,
        };
        Ok(Some(Turn(Some(lock))))
    }
}

impl Turn {
    /// The heartbeat of the lease: checks that it is still ours. Call it every two seconds, or the lease runs out.
    ///
    /// # Errors
    /// It isn't, or the server doesn't answer.
    pub async fn check(&self) -> Result<(), DbErr> {
        let Some(lock) = &self.0 else { return Ok(()) };
        let question = lock.transaction.execute_unprepared("SELECT 1");
        soon(question).await.map(drop)
    }
}

async fn soon<T>(answer: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    answer.unwrap_or_else(|_| {
        let silence = "the server doesn't answer".to_owned();
        Err(DbErr::Conn(sea_orm::RuntimeErr::Internal(silence)))
    })
}
