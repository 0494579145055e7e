//! Writes of one statement.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use sea_orm_migration::async_trait::async_trait;

use super::Database;

/// A store in which each statement is a transaction of its own. In a file that is one visit to SQLite's thread instead of three.
#[derive(Debug, Clone)]
pub struct Statements(Database);

impl Database {
    /// The same store, for work that is one statement.
    pub fn statements(&self) -> Statements {
        Statements(self.clone())
    }

    async fn write_alone(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let place = self.write.place().await;
        let _place = place.map_err(|error| self.storing.cause_of(error))?;
        let pool = self.write.pool();
        let write = || pool.execute_raw(statement.clone());
        let written = self.storing.past_lock(write).await;
        self.storing.note(written.as_ref().map(drop));
        if let (Ok(_), Some(checkpoints)) = (&written, &self.checkpoints) {
            checkpoints.committed();
        }
        written
    }
}

#[async_trait]
impl ConnectionTrait for Statements {
    fn get_database_backend(&self) -> DbBackend {
        self.0.read.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        // A server takes a statement for less than serialisable, and what waits for the disk does so in its transaction.
        if self.0.write.is_to_server() || self.0.syncs.is_some() {
            let write = self.0.transaction(|tx| {
                let statement = statement.clone();
                Box::pin(async move { tx.execute_raw(statement).await })
            });
            return write.await;
        }
        self.0.write_alone(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let backend = self.get_database_backend();
        self.execute_raw(Statement::from_string(backend, sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.0.read.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.0.read.query_all_raw(statement).await
    }
}
