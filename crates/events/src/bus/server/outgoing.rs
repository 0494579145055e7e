//! From those who publish to the server: a queue that is bounded by what it holds, and the task that empties it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use platform::Tasks;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::bus::Topic;
use crate::bus::channels::Channels;
use crate::bus::dropped::{Dropped, Reason};
use crate::nats::Connection;

/// Messages, and their bytes, that wait to be sent.
const MOST_MESSAGES: usize = 4096;
const MOST_BYTES: usize = 8 << 20;
/// For what was published before the end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The end of the queue where messages go in.
pub(super) struct Outgoing {
    sender: Sender<Message>,
    bytes: Arc<AtomicUsize>,
}

/// The end where they come out.
pub(super) struct Waiting {
    receiver: Receiver<Message>,
    bytes: Arc<AtomicUsize>,
}

struct Message {
    topic: Topic,
    payload: Bytes,
}

/// Sends messages.
pub(super) struct Sending {
    pub(super) connection: Connection,
    pub(super) prefix: String,
    pub(super) waiting: Waiting,
    pub(super) dropped: Arc<Dropped>,
    pub(super) channels: Arc<Channels>,
}

/// A queue that is empty.
pub(super) fn queue() -> (Outgoing, Waiting) {
    let (sender, receiver) = mpsc::channel(MOST_MESSAGES);
    let bytes = Arc::new(AtomicUsize::new(0));
    let outgoing = Outgoing {
        sender,
        bytes: Arc::clone(&bytes),
    };
    (outgoing, Waiting { receiver, bytes })
}

impl Outgoing {
    /// Adds a message, or says why it can't.
    pub(super) fn push(&self, topic: &Topic, payload: Bytes) -> Result<(), Reason> {
        let size = payload.len();
        let topic = topic.clone();
        let before = self.bytes.fetch_add(size, Ordering::Relaxed);
        let pushed = match before + size > MOST_BYTES {
            true => Err(Reason::Full),
            false => {
                let sent = self.sender.try_send(Message { topic, payload });
                sent.map_err(|error| match error {
                    mpsc::error::TrySendError::Full(_) => Reason::Full,
                    mpsc::error::TrySendError::Closed(_) => Reason::Ended,
                })
            }
        };
        if pushed.is_err() {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
        }
        pushed
    }
}

impl Waiting {
    async fn next(&mut self) -> Option<Message> {
        let message = self.receiver.recv().await?;
        let size = message.payload.len();
        self.bytes.fetch_sub(size, Ordering::Relaxed);
        Some(message)
    }
}

impl Sending {
    /// Sends until the process stops; then what is left, ends all subscriptions and closes the connection.
    pub(super) async fn run(mut self, tasks: Tasks) {
        let sending = self.send_all();
        tasks.token().run_until_cancelled(sending).await;
        self.channels.close();
        self.waiting.receiver.close();
        // What can't be said in time isn't.
        let _ended = tokio::time::timeout(LAST_WORDS, self.say_last_words()).await;
    }

    async fn say_last_words(&mut self) {
        self.send_all().await;
        if self.connection.is_up() {
            let client = self.connection.client();
            let _flushed = client.flush().await;
            let _closed = client.drain().await;
        }
    }

    /// Sends what waits, until the queue is closed and empty.
    async fn send_all(&mut self) {
        while let Some(Message { topic, payload }) = self.waiting.next().await {
            if !self.connection.is_up() {
                // What has waited for the server's return would come late.
                self.dropped.note(&topic, Reason::Away);
                continue;
            }
            let subject = topic.subject(&self.prefix);
            let sent = self.connection.client().publish(subject, payload).await;
            if sent.is_err() {
                self.dropped.note(&topic, Reason::Away);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic() -> Topic {
        Topic::new("room", "a")
    }

    #[tokio::test]
    async fn messages_and_bytes_are_bounded_and_room_comes_back() {
        let (outgoing, mut waiting) = queue();
        for _ in 0..MOST_MESSAGES {
            assert_eq!(outgoing.push(&topic(), Bytes::new()), Ok(()));
        }
        assert_eq!(outgoing.push(&topic(), Bytes::new()), Err(Reason::Full));
        for _ in 0..MOST_MESSAGES {
            waiting.next().await.unwrap();
        }
        let half = Bytes::from(vec![0; MOST_BYTES / 2]);
        for _ in 0..2 {
            assert_eq!(outgoing.push(&topic(), half.clone()), Ok(()));
        }
        let one = Bytes::from_static(b"x");
        assert_eq!(outgoing.push(&topic(), one.clone()), Err(Reason::Full));
        waiting.next().await.unwrap();
        assert_eq!(outgoing.push(&topic(), one), Ok(()));
        waiting.receiver.close();
        let late = outgoing.push(&topic(), Bytes::new());
        assert_eq!(late, Err(Reason::Ended));
    }
}
