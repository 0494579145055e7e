//! Which connections may be used again: those that are outside of a transaction.
//!
//! SQLite ends a transaction by itself where its disk is full or fails. sqlx counts transactions, and counts down only where
//! COMMIT or ROLLBACK succeeds, which they don't outside of one. Its next transaction would then be a savepoint inside nothing:
//! everything in it would succeed, and nothing of it would be stored. Such a connection is closed, and a new one takes its
//! place.

use std::pin::Pin;

use sea_orm::sqlx::pool::PoolConnectionMetadata;
use sea_orm::sqlx::{self, Connection, SqliteConnection};

type Answer<'c> = Pin<Box<dyn Future<Output = sqlx::Result<bool>> + Send + 'c>>;

/// Whether a connection may go back to its pool.
pub fn is_settled(connection: &mut SqliteConnection, _age: PoolConnectionMetadata) -> Answer<'_> {
    Box::pin(async move {
        if connection.is_in_transaction() {
            // The rollback of one that was dropped may be on its way: this is answered after it.
            connection.ping().await?;
        }
        let is_outside = !connection.is_in_transaction();
        if !is_outside {
            // Once for each write while a disk is full; readiness and the log tell of that itself.
            tracing::debug!("a transaction of SQLite ended in failure; its connection is replaced");
        }
        Ok(is_outside)
    })
}
