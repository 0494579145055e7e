//! Whether the server has our subscriptions.
//!
//! The client only says what it wrote to the socket. So a message goes to the server and back: what was written before it, the
//! server has seen by then. That is done for new subscriptions, many at a time, and after each new connection, on which the
//! client repeats all subscriptions first.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::{Client, SubscribeError, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use platform::Tasks;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::bus::channels::Channels;
use crate::nats::Connection;

/// The client tells of changes, but a word of it can get lost, or come before the change.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// For the first connection, before it is said to be missing.
const FIRST_CONNECTION: Duration = Duration::from_secs(2);
/// For a message to come back.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known. The keeper finds it out, others ask and wait.
#[derive(Default)]
pub(super) struct Standing {
    state: watch::Sender<State>,
    /// Wakes the keeper.
    woken: Notify,
    /// Those who wait for the server to have seen what they wrote.
    waiters: Mutex<Vec<oneshot::Sender<()>>>,
    /// Whether the client threw away what had arrived.
    has_overflowed: AtomicBool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// The process has just begun.
    #[default]
    Connecting,
    Up,
    Away,
}

impl Standing {
    /// Has the keeper look.
    pub(super) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Has everybody told that messages may be missing: nobody knows of which topic they were.
    pub(super) fn note_overflow(&self) {
        self.has_overflowed.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Completes once the server has seen what the client was given before, however long it is away; false if that will
    /// never be.
    pub(super) async fn confirmed(&self) -> bool {
        let (waiter, confirmed) = oneshot::channel();
        self.waiters().push(waiter);
        self.wake();
        confirmed.await.is_ok()
    }

    pub(super) async fn reached(&self) {
        self.until(State::Up).await;
    }

    pub(super) async fn lost(&self) {
        self.until(State::Away).await;
    }

    async fn until(&self, wanted: State) {
        // The sender is `self`, so that the wait can't end without it.
        let _ = self
            .state
            .subscribe()
            .wait_for(|state| *state == wanted)
            .await;
    }

    fn set(&self, new: State) {
        self.state
            .send_if_modified(|state| std::mem::replace(state, new) != new);
    }

    fn waiters(&self) -> MutexGuard<'_, Vec<oneshot::Sender<()>>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds out what is known.
pub(super) struct Keeper {
    connection: Connection,
    channels: Arc<Channels>,
    standing: Arc<Standing>,
    begun: Instant,
    /// The connection on which all subscriptions stand, counted from 1.
    stands_on: u64,
}

impl Keeper {
    pub(super) fn new(
        connection: &Connection,
        channels: &Arc<Channels>,
        standing: &Arc<Standing>,
    ) -> Self {
        Self {
            connection: connection.clone(),
            channels: Arc::clone(channels),
            standing: Arc::clone(standing),
            begun: Instant::now(),
            stands_on: 0,
        }
    }

    /// Works until the process stops.
    pub(super) async fn run(mut self, tasks: Tasks) {
        let keeping = self.keep();
        tasks.token().run_until_cancelled(keeping).await;
        // Whoever waits waits for nothing.
        self.standing.waiters().clear();
    }

    async fn keep(&mut self) {
        let Ok(mut echo) = Echo::open(self.connection.client()).await else {
            return;
        };
        loop {
            self.look();
            let connection = self.number();
            if self.is_in_doubt() {
                let is_confirmed = self.confirm(&mut echo, connection).await;
                if is_confirmed || !self.is_on(connection) {
                    continue;
                }
            }
            tokio::select! {
                () = self.standing.woken.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Tells what can be told without asking the server.
    fn look(&self) {
        self.tell_overflow();
        // Of those who wait for a server that is away, many give up.
        self.standing.waiters().retain(|waiter| !waiter.is_closed());
        let is_early = self.stands_on == 0 && self.begun.elapsed() < FIRST_CONNECTION;
        if self.is_on(self.stands_on) {
            self.standing.set(State::Up);
        } else if !is_early {
            self.standing.set(State::Away);
        }
    }

    fn tell_overflow(&self) {
        if self.standing.has_overflowed.swap(false, Ordering::Relaxed) {
            self.channels.tell_unsure();
        }
    }

    fn is_in_doubt(&self) -> bool {
        let is_new = self.number() != self.stands_on;
        self.connection.is_up() && (is_new || !self.standing.waiters().is_empty())
    }

    /// Makes sure that the server has all subscriptions of a connection and those of whoever waits, and tells. False if
    /// that can't be known.
    async fn confirm(&mut self, echo: &mut Echo, connection: u64) -> bool {
        let waiters = std::mem::take(&mut *self.standing.waiters());
        if !self.has_returned(echo, connection).await {
            self.standing.waiters().extend(waiters);
            return false;
        }
        if connection != self.stands_on {
            self.stands_on = connection;
            self.channels.tell_unsure();
        }
        for waiter in waiters {
            // Whoever gave up needn't know.
            let _ = waiter.send(());
        }
        true
    }

    /// Sends a message to the server and waits until it is back; not for one that went with its connection.
    async fn has_returned(&self, echo: &mut Echo, connection: u64) -> bool {
        let until = Instant::now() + PATIENCE;
        let mut call = std::pin::pin!(echo.call());
        loop {
            tokio::select! {
                has_returned = &mut call => return has_returned,
                () = sleep_until(until) => return false,
                () = self.standing.woken.notified() => {
                    self.tell_overflow();
                    if !self.is_on(connection) {
                        return false;
                    }
                }
            }
        }
    }

    /// Whether it is this connection that there is.
    fn is_on(&self, connection: u64) -> bool {
        self.connection.is_up() && self.number() == connection
    }

    /// How many connections there have been.
    fn number(&self) -> u64 {
        let statistics = self.connection.client().statistics();
        statistics.connects.load(Ordering::Relaxed)
    }
}

/// A subject that nobody else uses, on which we hear ourselves.
struct Echo {
    client: Client,
    subject: String,
    heard: Subscriber,
    calls: u64,
}

impl Echo {
    async fn open(client: &Client) -> Result<Self, SubscribeError> {
        let subject = client.new_inbox();
        let heard = client.subscribe(subject.clone()).await?;
        Ok(Self {
            client: client.clone(),
            subject,
            heard,
            calls: 0,
        })
    }

    /// Calls, and completes once that is heard; false if the client has ended.
    async fn call(&mut self) -> bool {
        self.calls += 1;
        let call = Bytes::copy_from_slice(&self.calls.to_be_bytes());
        let called = self
            .client
            .publish(self.subject.clone(), call.clone())
            .await;
        if called.is_err() {
            return false;
        }
        // Earlier ones may come late.
        while let Some(heard) = self.heard.next().await {
            if heard.payload == call {
                return true;
            }
        }
        false
    }
}
