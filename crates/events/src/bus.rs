//! A bus for what needn't be kept: who publishes reaches those who listen to the topic at that moment, in the process or over
//! core NATS. What must arrive is told as an [event](crate) instead; what must be found again stands in a log of its
//! owner, to which a subscriber that lost something goes back.
//!
//! Both carriers keep these rules:
//!
//! - **At most once.** Nothing is stored or sent again. A message goes to every subscription of its topic, also to those of the
//!   process that published it.
//! - **A gap is told.** What is published after [`Bus::subscribe`] has returned comes, or [`Lost`] does: a subscription that
//!   heard of no loss has had everything. What was published shortly before may come too.
//! - **In order.** Messages of one process and topic come in the order in which they were published, those of several
//!   processes mixed as they arrive.
//! - **Nobody waits for a subscriber.** For each subscription 1,024 messages or 1 MiB wait at most; beyond that its oldest go,
//!   and it is told how many. Others don't notice.
//! - **Publishing never waits.** [`Bus::publish`] isn't even `async`. What can't be sent is dropped and counted: always while
//!   NATS is away, and where more than 4,096 messages or 8 MiB of the process wait to be sent.
//! - **A topic is any text.** No id reads or writes the messages of another; see [`Topic`].
//!
//! Over NATS the processes with one `nats.url` and `nats.prefix` share the topics, and need no JetStream for it. Subscriptions
//! live again by themselves once NATS is back, and are told [`Lost::Unknown`] at the moment from which on messages come again,
//! so that a look into the log after that misses nothing. Its order and its "at most once" are those of
//! [core NATS](https://docs.nats.io/nats-concepts/core-nats): a cluster keeps the order of one publisher, and a subscription
//! that is new may take a moment to be known by its other servers.
//!
//! A process takes a topic once from the server, however many subscribe to it here, and goes on for five seconds after the last
//! one left: whoever reloads a page costs the servers nothing. Each topic takes about 8 KiB for that while it is followed.
//!
//! ```no_run
//! # use troupe_events as events;
//! # use bytes::Bytes;
//! # use events::bus::{Bus, Received, Topic};
//! # async fn follow(bus: &Bus, session_id: &str) -> Result<(), events::bus::TooLarge> {
//! let topic = Topic::new("session", session_id);
//! let mut subscription = bus.subscribe(&topic).await;
//! // ... read the log up to here
//! bus.publish(&topic, Bytes::from_static(b"typing"))?;
//! while let Some(received) = subscription.next().await {
//!     match received {
//!         Received::Message(_payload) => { /* ... */ }
//!         Received::Lost(_) => { /* ... read the log again */ }
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod channel;
mod channels;
mod dropped;
mod meters;
mod queue;
mod server;
mod subscription;
mod topic;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub use self::subscription::{Lost, Received, Subscription};
pub use self::topic::Topic;
pub use crate::nats::AddressError;

use self::channels::Channels;
use self::dropped::{Dropped, Reason};
use self::server::Server;
use crate::NatsConfig;
use platform::Tasks;

/// The largest payload, in bytes, that every server takes which isn't set to less than that.
pub const MOST_PAYLOAD: usize = 256 * 1024;

/// The bus of a process. Cheap to clone.
#[derive(Clone)]
pub struct Bus {
    channels: Arc<Channels>,
    dropped: Arc<Dropped>,
    server: Option<Arc<Server>>,
}

/// A message that is refused: nobody gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of {bytes} bytes is too large for the bus, which takes {most}")]
pub struct TooLarge {
    /// What it has.
    pub bytes: usize,
    /// What it may have: [`MOST_PAYLOAD`], or what NATS is set to if that is less.
    pub most: usize,
}

impl Bus {
    /// The bus that the configuration asks for: over the server that it names, else in the process. It connects in the
    /// background, and again whenever the connection is lost.
    ///
    /// The bus ends with `tasks`: what was published before is sent, subscriptions end, and what is published later is dropped.
    /// Give it tasks that outlast those who publish.
    ///
    /// # Errors
    /// The address can't be understood, or no subject can begin with the prefix. A server that isn't there is no error.
    pub async fn open(config: &NatsConfig, tasks: &Tasks) -> Result<Self, AddressError> {
        if !config.url.is_named() {
            return Ok(Self::in_process(tasks));
        }
        let channels = Arc::new(Channels::followed());
        let dropped = Arc::new(Dropped::default());
        let server = Server::open(config, &channels, &dropped, tasks).await?;
        Ok(Self {
            channels,
            dropped,
            server: Some(server),
        })
    }

    /// A bus that reaches nobody but this process.
    pub fn in_process(tasks: &Tasks) -> Self {
        let channels = Arc::new(Channels::in_process());
        let (closing, token) = (Arc::clone(&channels), tasks.token().clone());
        tasks.spawn(async move {
            token.cancelled().await;
            closing.close();
        });
        Self {
            channels,
            dropped: Arc::default(),
            server: None,
        }
    }

    /// Publishes a message to whoever listens to the topic. That it was taken doesn't say that anybody gets it.
    ///
    /// # Errors
    /// It is too large.
    pub fn publish(&self, topic: &Topic, payload: Bytes) -> Result<(), TooLarge> {
        let most = match &self.server {
            Some(server) => server.most_payload().min(MOST_PAYLOAD),
            None => MOST_PAYLOAD,
        };
        let bytes = payload.len();
        if bytes > most {
            return Err(TooLarge { bytes, most });
        }
        meters::published(topic.kind());
        let taken = match &self.server {
            Some(server) => server.publish(topic, payload),
            None => match self.channels.spread(topic, &payload) {
                true => Ok(()),
                false => Err(Reason::Ended),
            },
        };
        if let Err(reason) = taken {
            self.dropped.note(topic, reason);
        }
        Ok(())
    }

    /// Listens to a topic. Completes once the server knows of it, so that what anybody publishes from then on comes. While
    /// the server is away, or if it doesn't answer within two seconds, it completes without: then the subscription begins by
    /// itself when the server is back, and is told of the gap.
    pub async fn subscribe(&self, topic: &Topic) -> Subscription {
        let (place, is_first) = self.channels.join(topic);
        let channel = Arc::clone(&place.channel);
        let subscription = Subscription::new(place, Arc::clone(&self.channels));
        if let Some(server) = &self.server {
            if is_first {
                server.follow(&channel);
            }
            server.until_live(&channel).await;
        }
        subscription.hand_out();
        subscription
    }

    /// How many messages of this process were dropped before they reached the server.
    pub fn dropped(&self) -> u64 {
        self.dropped.count()
    }

    /// Completes once messages are carried and all subscriptions stand.
    pub async fn reached(&self) {
        if let Some(server) = &self.server {
            server.reached().await;
        }
    }

    /// Completes once the server is known to be away, which in the process never is.
    pub async fn lost(&self) {
        match &self.server {
            Some(server) => server.lost().await,
            None => std::future::pending().await,
        }
    }
}

/// Nothing of what is on its way.
impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.server {
            Some(_) => "Bus(NATS)",
            None => "Bus(in process)",
        })
    }
}
