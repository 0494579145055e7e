//! Exchanges of refresh tokens that are going on: calls with one token that overlap are one exchange.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use platform::Tasks;
use tokio::sync::oneshot;
use tracing::Instrument;

use super::{Error, TokenPair};

type Call = Shared<BoxFuture<'static, Result<TokenPair, Error>>>;
type Calls = Arc<Mutex<HashMap<[u8; 32], Call>>>;

/// Exchanges that are going on, by the hash of the token.
#[derive(Default)]
pub(super) struct InFlight {
    calls: Calls,
}

impl InFlight {
    /// Joins the exchange of the same token if there is one, else begins it. It runs as a task of its own: a client
    /// that goes away doesn't break it off for the others.
    pub(super) fn join(
        &self,
        hash: [u8; 32],
        exchange: impl Future<Output = Result<TokenPair, Error>> + Send + 'static,
        tasks: &Tasks,
    ) -> Call {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = calls.get(&hash) {
            return call.clone();
        }
        let (done, result) = oneshot::channel();
        let call: Call = result
            .map(|result| result.unwrap_or(Err(Error::Interrupted)))
            .boxed()
            .shared();
        calls.insert(hash, call.clone());
        let entry = Entry {
            calls: self.calls.clone(),
            hash,
        };
        let work = async move {
            let result = exchange.await;
            // Before the answer: a call after it is a new exchange.
            drop(entry);
            let _ = done.send(result);
        };
        tasks.spawn(work.in_current_span());
        call
    }
}

impl std::fmt::Debug for InFlight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InFlight(..)")
    }
}

/// Takes an exchange off the list, also when it panics.
struct Entry {
    calls: Calls,
    hash: [u8; 32],
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.remove(&self.hash);
    }
}
