//! The queue for connections: each statement or transaction waits for its turn. One that waits too long fails as overload,
//! not as a fault of the database.

use std::error::Error;
use std::sync::Arc;

use platform::patience::Turns;
use sea_orm::{DbErr, RuntimeErr, SqlxError};
use tokio::sync::OwnedSemaphorePermit;

/// As many places as there are connections.
#[derive(Debug)]
pub(super) struct Queue(Turns);

/// A turn at a connection, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Queue {
    pub(super) fn new(connections: u32) -> Self {
        Self(Turns::new(connections as usize))
    }

    /// Waits for a turn, as long as the running piece of work has patience.
    pub(super) async fn place(&self) -> Result<Place, DbErr> {
        match self.0.next().await {
            Ok(permit) => Ok(Place { _permit: permit }),
            Err(late) => Err(overrun(late)),
        }
    }
}

/// The error of a turn that didn't come in time, by its cause.
pub(super) fn overrun(cause: impl Error + Send + Sync + 'static) -> DbErr {
    let cause = SqlxError::Configuration(Box::new(cause));
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(cause)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Outage;
    use platform::patience;

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waits_too_long_hears_of_the_load_and_not_of_the_database() {
        let queue = Queue::new(1);
        let _held = queue.place().await.unwrap();
        let error = patience::of_call(queue.place()).await.unwrap_err();
        let outage = Outage::of(&error).unwrap();
        assert_eq!(outage, Outage::Busy);
        assert!(!outage.to_string().contains("database"));
    }
}
