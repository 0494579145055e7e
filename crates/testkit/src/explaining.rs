//! A connection to a SQLite file that asks the database how it would run each statement, for tests of indexes. On SQLite alone,
//! which plans by the indexes there are: PostgreSQL plans by how full the tables are.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult,
    Statement,
};

/// The connection. It reads and writes, outside of transactions.
#[derive(Debug)]
pub struct Explaining {
    db: DatabaseConnection,
    plans: Mutex<Vec<String>>,
}

impl Explaining {
    /// Opens a file that nobody else has open.
    ///
    /// # Errors
    /// It can't be opened.
    pub async fn open(file: &Path) -> Result<Self, DbErr> {
        let db = Database::connect(format!("sqlite://{}", file.display())).await?;
        let plans = Mutex::default();
        Ok(Self { db, plans })
    }

    /// The same connection, which asks nothing.
    pub fn plain(&self) -> &DatabaseConnection {
        &self.db
    }

    /// Each step of the plans so far, with its statement.
    pub fn plans(&self) -> Vec<String> {
        let plans = self.plans.lock();
        plans.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn explain(&self, statement: &Statement) -> Result<(), DbErr> {
        let sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
        let values = statement.values.clone();
        let values = values.map(|values| values.0).unwrap_or_default();
        let explain = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
        for row in self.db.query_all_raw(explain).await? {
            let step: String = row.try_get("", "detail")?;
            let plan = format!("{step}   <- {}", statement.sql);
            let plans = self.plans.lock();
            plans.unwrap_or_else(PoisonError::into_inner).push(plan);
        }
        Ok(())
    }
}

#[async_trait]
impl ConnectionTrait for Explaining {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Sqlite
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.explain(&statement).await?;
        self.db.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.db.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.explain(&statement).await?;
        self.db.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.explain(&statement).await?;
        self.db.query_all_raw(statement).await
    }
}
