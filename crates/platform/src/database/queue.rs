//! The turn of each statement or transaction at one of the connections. Whoever waits for theirs too long is told that
//! there is too much to do, which is no fault of the database.

use std::sync::Arc;

use sea_orm::{DbErr, RuntimeErr, SqlxError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::patience;

/// As many places as there are connections.
#[derive(Debug)]
pub(super) struct Queue(Arc<Semaphore>);

/// A turn at a connection, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// The turn didn't come in time.
#[derive(Debug, thiserror::Error)]
#[error("all connections were in use for too long")]
pub(super) struct Overrun;

impl Queue {
    pub(super) fn new(connections: u32) -> Self {
        Self(Arc::new(Semaphore::new(connections.max(1) as usize)))
    }

    /// Waits for a turn, as long as the running piece of work has patience.
    pub(super) async fn place(&self) -> Result<Place, DbErr> {
        let turn = Arc::clone(&self.0).acquire_owned();
        match tokio::time::timeout(patience::now(), turn).await {
            Ok(Ok(permit)) => Ok(Place { _permit: permit }),
            _ => Err(overrun()),
        }
    }
}

fn overrun() -> DbErr {
    let cause = SqlxError::Configuration(Box::new(Overrun));
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(cause)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Outage;

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waits_too_long_hears_of_the_load_and_not_of_the_database() {
        let queue = Queue::new(1);
        let held = queue.place().await.unwrap();
        let error = patience::of_call(queue.place()).await.unwrap_err();
        let outage = Outage::of(&error).unwrap();
        assert_eq!(outage, Outage::Busy);
        assert!(!outage.to_string().contains("database"));
        // Work that nobody waits for takes its turn.
        let patient = async { queue.place().await.is_ok() };
        let freeing = async {
            tokio::time::sleep(patience::OF_CALLS * 4).await;
            drop(held);
        };
        assert!(tokio::join!(patient, freeing).0);
    }
}
