//! Being the one process of several that does something, such as sending what stands in an outbox in its order.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    Statement, TransactionTrait,
};

use super::Database;

/// For an answer of the server.
const PATIENCE: Duration = Duration::from_secs(2);
/// After so long without a word from the holder the server passes the turn on: the process may be stuck, or its machine
/// gone.
const SILENCE: &str = "SET LOCAL idle_in_transaction_session_timeout = '6s'";

/// The turn to do something. It is passed on when this is dropped, when the process dies, and when the server loses sight of
/// the process; then [`Turn::check`] fails.
#[derive(Debug)]
pub struct Turn(Option<Lock>);

/// A lock of PostgreSQL that goes with its transaction, on a connection of its own.
#[derive(Debug)]
struct Lock {
    transaction: DatabaseTransaction,
    _connection: DatabaseConnection,
}

impl Database {
    /// Takes the turn to do something, unless another process that shares the store has it. A SQLite file isn't shared.
    ///
    /// # Errors
    /// The server can't be asked.
    pub async fn try_take_turn(&self, to: &str) -> Result<Option<Turn>, DbErr> {
        let Some(connection) = self.read.apart() else {
            return Ok(Some(Turn(None)));
        };
        let isolation = Some(IsolationLevel::ReadCommitted);
        let transaction = soon(connection.begin_with_config(isolation, None)).await?;
        let lock = "SELECT pg_try_advisory_xact_lock(hashtext(current_schema()), hashtext($1))";
        let lock = Statement::from_sql_and_values(DbBackend::Postgres, lock, [to.into()]);
        let row = soon(transaction.query_one_raw(lock)).await?;
        let is_ours = match row {
            Some(row) => row.try_get_by_index(0)?,
            None => false,
        };
        if !is_ours {
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
    /// Whether the turn is still ours. To be asked every two seconds, or the server takes the process for stuck.
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
