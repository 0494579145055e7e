//! Who listens to what in this process, and handing messages to them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use bytes::Bytes;

use super::Topic;
use super::channel::Channel;
use super::queue::Queue;

/// The topics that have listeners.
pub(super) struct Channels {
    topics: RwLock<Topics>,
    /// Whether a topic whose last listener left is kept until somebody says that it can go.
    lingers: bool,
}

#[derive(Default)]
struct Topics {
    open: HashMap<Topic, Arc<Channel>>,
    is_closed: bool,
}

/// A place among the listeners of a topic.
pub(super) struct Place {
    pub(super) channel: Arc<Channel>,
    pub(super) queue: Arc<Queue>,
    key: u64,
}

impl Channels {
    /// Topics that nobody has to be asked for.
    pub(super) fn in_process() -> Self {
        Self {
            topics: RwLock::default(),
            lingers: false,
        }
    }

    /// Topics whose messages come from elsewhere, once each is said to be live. What follows a topic says when it goes.
    pub(super) fn followed() -> Self {
        Self {
            lingers: true,
            ..Self::in_process()
        }
    }

    /// Takes a place among the listeners of a topic. Also says whether it is the first one.
    pub(super) fn join(&self, topic: &Topic) -> (Place, bool) {
        let mut topics = self.write();
        let found = topics.open.get(topic).cloned();
        let is_first = found.is_none() && !topics.is_closed;
        let channel = found.unwrap_or_else(|| Arc::new(Channel::new(topic, !self.lingers)));
        if is_first {
            topics.open.insert(topic.clone(), Arc::clone(&channel));
        }
        let (key, queue) = channel.add();
        if topics.is_closed {
            queue.close();
        }
        let place = Place {
            channel,
            queue,
            key,
        };
        (place, is_first)
    }

    /// Gives a place up.
    pub(super) fn leave(&self, place: &Place) {
        place.channel.remove(place.key);
        if !self.lingers {
            self.remove_if_empty(&place.channel);
        }
    }

    /// Forgets a topic unless somebody listens to it. True if it is gone.
    pub(super) fn remove_if_empty(&self, channel: &Arc<Channel>) -> bool {
        let mut topics = self.write();
        let is_empty = channel.is_empty();
        if is_empty {
            topics.remove(channel);
        }
        is_empty
    }

    /// Ends a topic and all who listen to it.
    pub(super) fn end(&self, channel: &Arc<Channel>) {
        self.write().remove(channel);
        channel.each(Queue::close);
    }

    /// Hands a message to those who listen to a topic here. False if all topics have ended.
    pub(super) fn spread(&self, topic: &Topic, payload: &Bytes) -> bool {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        let (channel, is_closed) = (topics.open.get(topic).cloned(), topics.is_closed);
        drop(topics);
        if let Some(channel) = channel {
            channel.spread(payload);
        }
        !is_closed
    }

    /// Tells all who listen to something live that messages may be missing.
    pub(super) fn tell_unsure(&self) {
        for channel in self.all() {
            if channel.is_live() {
                channel.each(Queue::tell_unsure);
            }
        }
    }

    /// Ends all topics, now and from now on.
    pub(super) fn close(&self) {
        self.write().is_closed = true;
        for channel in self.all() {
            self.end(&channel);
        }
    }

    fn all(&self) -> Vec<Arc<Channel>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.open.values().cloned().collect()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Topics> {
        self.topics.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Topics {
    /// Its topic may have another channel by now.
    fn remove(&mut self, channel: &Arc<Channel>) {
        let found = self.open.get(&channel.topic);
        if found.is_some_and(|found| Arc::ptr_eq(found, channel)) {
            self.open.remove(&channel.topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;
    use crate::bus::{Lost, Received};

    fn topic(id: &str) -> Topic {
        Topic::new("room", id)
    }

    #[test]
    fn nothing_is_left_of_a_topic_once_nobody_listens() {
        let channels = Channels::in_process();
        let (first, is_first) = channels.join(&topic("a"));
        let (second, is_second_first) = channels.join(&topic("a"));
        assert!(is_first && !is_second_first);
        channels.leave(&first);
        assert_eq!(channels.all().len(), 1);
        channels.leave(&second);
        assert!(channels.all().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_topic_that_is_followed_stays_until_nobody_has_come_back() {
        let channels = Channels::followed();
        let (first, _) = channels.join(&topic("a"));
        let channel = Arc::clone(&first.channel);
        let pause = Duration::from_secs(5);
        let mut deserted = std::pin::pin!(channel.until_deserted(pause));
        channels.leave(&first);
        let back = tokio::time::timeout(pause / 2, &mut deserted).await;
        assert!(back.is_err(), "somebody may come back");
        let (second, is_first) = channels.join(&topic("a"));
        assert!(!is_first);
        assert!(!channels.remove_if_empty(&channel));
        let stays = tokio::time::timeout(pause * 10, &mut deserted).await;
        assert!(stays.is_err(), "somebody listens");
        channels.leave(&second);
        deserted.await;
        assert!(channels.remove_if_empty(&channel));
        let (_third, is_first) = channels.join(&topic("a"));
        assert!(is_first, "it is another one");
        channels.end(&channel);
        assert_eq!(
            channels.all().len(),
            1,
            "which the end of the old one leaves"
        );
    }

    #[tokio::test]
    async fn whoever_did_not_wait_for_the_beginning_is_told_of_the_gap() {
        let channels = Channels::followed();
        let (waits, _) = channels.join(&topic("a"));
        let (gave_up, _) = channels.join(&topic("a"));
        gave_up.queue.hand_out();
        channels.tell_unsure();
        let none = gave_up.queue.next().now_or_never();
        assert_eq!(none, None, "it hasn't begun");
        waits.channel.go_live();
        waits.channel.until_live().await;
        waits.queue.hand_out();
        let unsure = Some(Some(Received::Lost(Lost::Unknown)));
        assert_eq!(gave_up.queue.next().now_or_never(), unsure);
        assert_eq!(waits.queue.next().now_or_never(), None);
        channels.tell_unsure();
        assert_eq!(waits.queue.next().now_or_never(), unsure);
    }
}
