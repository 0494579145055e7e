//! What a subscriber has in its hand.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::channels::{Channels, Place};
use super::meters;

/// Listens to a topic for as long as it lives. Over NATS its drop also ends it at the server, after five seconds in which
/// nobody else in the process listens.
#[must_use = "it ends where it is dropped"]
pub struct Subscription {
    place: Place,
    channels: Arc<Channels>,
}

/// What comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A message.
    Message(Bytes),
    /// Messages are missing, or may be: what they told of must be looked up elsewhere.
    Lost(Lost),
}

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// So many messages, which weren't taken in time. They were older than all that still come.
    Slow(u64),
    /// Nobody knows: the server was away, or this process didn't keep up with it. From now on messages come again.
    Unknown,
}

impl Subscription {
    pub(super) fn new(place: Place, channels: Arc<Channels>) -> Self {
        meters::joined(place.channel.topic.kind());
        Self { place, channels }
    }

    /// From now on what doesn't come is told of.
    pub(super) fn hand_out(&self) {
        self.place.queue.hand_out();
    }

    /// The next message or loss; `None` once the bus has ended and all that had come by then was taken. A wait that is given
    /// up loses nothing.
    pub async fn next(&mut self) -> Option<Received> {
        self.place.queue.next().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.channels.leave(&self.place);
        meters::left(self.place.channel.topic.kind());
    }
}

/// Nothing of what waits.
impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("topic", &self.place.channel.topic)
            .finish_non_exhaustive()
    }
}
