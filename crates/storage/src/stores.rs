//! The SQLite files that a process has open. Closed in order, each is whole by itself; a process that just ends leaves logs
//! beside them, which the next start has to fold in.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::Database;

type Closing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The files that are open. Cheap to clone.
#[derive(Clone, Default)]
pub struct Stores(Arc<Mutex<Vec<Closing>>>);

impl Stores {
    /// Notes a database that is open.
    pub(crate) fn add(&self, db: &Database) {
        let db = db.clone();
        self.add_closing(async move {
            if let Err(error) = db.close().await {
                tracing::warn!(%error, "a database was not closed cleanly");
            }
        });
    }

    /// Notes what closes something that is open.
    pub fn add_closing(&self, closing: impl Future<Output = ()> + Send + 'static) {
        let mut closings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        closings.push(Box::pin(closing));
    }

    /// Closes them all, once nothing uses them any more. False if one was in use for longer than `patience`.
    pub async fn close(&self, patience: Duration) -> bool {
        let closings = {
            let mut closings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *closings)
        };
        let all = futures::future::join_all(closings);
        tokio::time::timeout(patience, all).await.is_ok()
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stores(..)")
    }
}
