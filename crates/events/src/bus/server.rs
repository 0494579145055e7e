//! The bus over core NATS: a connection, a subscription for each topic that somebody here listens to, and one task that
//! publishes.
//!
//! The connection is the bus's own. Servers cut off whoever reads too slowly, which mustn't happen to events because of a
//! burst here.

mod follow;
mod outgoing;
mod standing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{ConnectOptions, Event};
use bytes::Bytes;
use platform::Tasks;
use tracing::Span;

use self::outgoing::{Outgoing, Sending};
use self::standing::{Keeper, Standing};
use super::channel::Channel;
use super::channels::Channels;
use super::dropped::{Dropped, Reason};
use super::{Topic, meters};
use crate::NatsConfig;
use crate::nats::{self, AddressError, Connection};

/// For a subscription to be known to the server, before its caller gets it anyway.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between signs of life that the client asks for; two that are missing end the connection.
const PING: Duration = Duration::from_secs(5);
/// Messages of a topic between the connection and the subscribers here. Only a process without time for anything fills it.
const MOST_ARRIVED: usize = 1024;
/// What the client has to do: beyond that messages wait where their bytes are counted.
const MOST_COMMANDS: usize = 64;
/// What happens while NATS is away.
const WITHOUT: &str = "messages of the bus are dropped";

/// The bus at the server.
pub(super) struct Server {
    connection: Connection,
    prefix: String,
    channels: Arc<Channels>,
    outgoing: Outgoing,
    standing: Arc<Standing>,
    tasks: Tasks,
    /// Of the tasks that follow topics, which don't belong to the call that happens to begin them.
    span: Span,
}

impl Server {
    /// Begins to connect, and goes on trying.
    pub(super) async fn open(
        config: &NatsConfig,
        channels: &Arc<Channels>,
        dropped: &Arc<Dropped>,
        tasks: &Tasks,
    ) -> Result<Arc<Self>, AddressError> {
        check_prefix(&config.prefix)?;
        let standing = Arc::new(Standing::default());
        let further = |options| options_of(options, Arc::clone(&standing));
        let connection = Connection::open_with(config, further).await?;
        let (outgoing, waiting) = outgoing::queue();
        let sending = Sending {
            connection: connection.clone(),
            prefix: config.prefix.clone(),
            waiting,
            dropped: Arc::clone(dropped),
            channels: Arc::clone(channels),
        };
        tasks.spawn(sending.run(tasks.clone()));
        let keeper = Keeper::new(&connection, channels, &standing);
        tasks.spawn(keeper.run(tasks.clone()));
        let watching = nats::watch(connection.clone(), config.clone(), WITHOUT, tasks.clone());
        tasks.spawn(watching);
        Ok(Arc::new(Self {
            connection,
            prefix: config.prefix.clone(),
            channels: Arc::clone(channels),
            outgoing,
            standing,
            tasks: tasks.clone(),
            span: tracing::info_span!(parent: None, "bus"),
        }))
    }

    /// The largest payload that the server takes.
    pub(super) fn most_payload(&self) -> usize {
        self.connection.client().max_payload()
    }

    /// Has a message sent, or says why that can't be.
    pub(super) fn publish(&self, topic: &Topic, payload: Bytes) -> Result<(), Reason> {
        match self.connection.is_up() {
            true => self.outgoing.push(topic, payload),
            false => Err(Reason::Away),
        }
    }

    /// Takes the messages of a topic from the server as long as somebody listens.
    pub(super) fn follow(self: &Arc<Self>, channel: &Arc<Channel>) {
        let following = follow::run(Arc::clone(self), Arc::clone(channel));
        self.span.in_scope(|| self.tasks.spawn(following));
    }

    /// Completes once the server knows that somebody here listens, or it is vain to wait for that.
    pub(super) async fn until_live(&self, channel: &Channel) {
        tokio::select! {
            () = channel.until_live() => {}
            () = self.standing.lost() => {}
            () = self.tasks.stopping() => {}
            () = tokio::time::sleep(PATIENCE) => {}
        }
    }

    /// Completes once all subscriptions stand.
    pub(super) async fn reached(&self) {
        self.standing.reached().await;
    }

    /// Completes once the server is known to be away.
    pub(super) async fn lost(&self) {
        self.standing.lost().await;
    }
}

fn options_of(options: ConnectOptions, standing: Arc<Standing>) -> ConnectOptions {
    // An error comes with each subject that it is about.
    let is_told = AtomicBool::new(false);
    options
        .ping_interval(PING)
        .subscription_capacity(MOST_ARRIVED)
        .client_capacity(MOST_COMMANDS)
        .event_callback(move |event| {
            match event {
                Event::SlowConsumer(_) => {
                    meters::overflowed();
                    standing.note_overflow();
                }
                Event::ServerError(error) if !is_told.swap(true, Ordering::Relaxed) => {
                    tracing::warn!(
                        %error,
                        "NATS reports an error to the bus; if it is about permissions, let the user publish and subscribe to \
                         all below nats.prefix, and to _INBOX.>"
                    );
                }
                Event::Connected => {
                    is_told.store(false, Ordering::Relaxed);
                    standing.wake();
                }
                _ => standing.wake(),
            }
            std::future::ready(())
        })
}

/// Refuses what would make other subjects than our own.
fn check_prefix(prefix: &str) -> Result<(), AddressError> {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "*>".contains(c);
    match prefix.split('.').any(|word| word.is_empty() || word.contains(is_odd)) {
        true => Err(AddressError(
            "nats.prefix must be words with dots between them, without spaces, * and >: write one such as troupe".to_owned(),
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_prefix_of_other_subjects() {
        for prefix in [
            "", ".", "a.", ".a", "a..b", "*", "a.>", "a b", "a\tb", "a\r\nb",
        ] {
            let error = check_prefix(prefix).unwrap_err().to_string();
            assert!(error.contains("nats.prefix"), "{error}");
        }
        for prefix in ["troupe", "troupe-2.test", "ünï"] {
            check_prefix(prefix).unwrap();
        }
    }
}
