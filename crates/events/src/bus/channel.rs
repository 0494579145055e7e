//! A topic with those who listen to it in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::queue::Queue;
use super::{Topic, meters};

/// A topic with its listeners.
pub(super) struct Channel {
    pub(super) topic: Topic,
    listeners: Mutex<Listeners>,
    state: watch::Sender<State>,
}

#[derive(Default)]
struct Listeners {
    queues: HashMap<u64, Arc<Queue>>,
    next_key: u64,
}

/// What others wait for.
#[derive(Clone, Copy)]
struct State {
    listeners: usize,
    is_live: bool,
}

impl Channel {
    pub(super) fn new(topic: &Topic, is_live: bool) -> Self {
        let state = State {
            listeners: 0,
            is_live,
        };
        Self {
            topic: topic.clone(),
            listeners: Mutex::default(),
            state: watch::Sender::new(state),
        }
    }

    /// Adds a listener, under a key.
    pub(super) fn add(&self) -> (u64, Arc<Queue>) {
        let mut listeners = self.listeners();
        let (key, queue) = (listeners.next_key, Arc::new(Queue::default()));
        listeners.next_key += 1;
        listeners.queues.insert(key, Arc::clone(&queue));
        self.tell_count(&listeners);
        (key, queue)
    }

    pub(super) fn remove(&self, key: u64) {
        let mut listeners = self.listeners();
        listeners.queues.remove(&key);
        self.tell_count(&listeners);
    }

    fn tell_count(&self, listeners: &Listeners) {
        let count = listeners.queues.len();
        self.state.send_modify(|state| state.listeners = count);
    }

    /// Hands a message to all who listen.
    pub(super) fn spread(&self, payload: &Bytes) {
        let listeners = self.listeners();
        let pushed = listeners.queues.values();
        let gone: u64 = pushed.map(|queue| queue.push(payload.clone())).sum();
        drop(listeners);
        if gone > 0 {
            meters::slow(self.topic.kind(), gone);
        }
    }

    /// Says that messages come from now on. Whoever didn't wait for that is told that some may be missing.
    pub(super) fn go_live(&self) {
        let listeners = self.listeners();
        self.state.send_modify(|state| state.is_live = true);
        listeners
            .queues
            .values()
            .for_each(|queue| queue.tell_unsure());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.listeners().queues.is_empty()
    }

    pub(super) fn is_live(&self) -> bool {
        self.state.borrow().is_live
    }

    /// Completes once messages come.
    pub(super) async fn until_live(&self) {
        self.until(|state| state.is_live).await;
    }

    /// Completes once nobody has listened for so long.
    pub(super) async fn until_deserted(&self, for_long: Duration) {
        loop {
            self.until(|state| state.listeners == 0).await;
            let somebody = self.until(|state| state.listeners > 0);
            if tokio::time::timeout(for_long, somebody).await.is_err() {
                return;
            }
        }
    }

    async fn until(&self, holds: impl FnMut(&State) -> bool) {
        // The sender is `self`, so that the wait can't end without it.
        let _ = self.state.subscribe().wait_for(holds).await;
    }

    /// Tells something to all who listen.
    pub(super) fn each(&self, tell: impl Fn(&Queue)) {
        for queue in self.listeners().queues.values() {
            tell(queue);
        }
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
