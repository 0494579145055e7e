//! What waits for one subscriber. Bounded: where there is no room the oldest goes, so that whoever catches up is told at
//! once that something is missing, and has the newest.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::{Lost, Received};

/// Messages, and their bytes, that wait for a subscriber.
const MOST_MESSAGES: usize = 1024;
const MOST_BYTES: usize = 1 << 20;

/// A queue with one reader.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

/// Empty ones hold no memory: most subscribers have nothing waiting.
#[derive(Default)]
struct State {
    messages: VecDeque<Bytes>,
    bytes: usize,
    /// Messages that went without the reader having had them.
    gone: u64,
    /// Whether others may have gone, of which nobody knows.
    is_unsure: bool,
    /// Whether the reader has it: what isn't promised to anybody yet can't be missed.
    is_handed_out: bool,
    is_closed: bool,
}

impl Queue {
    /// Adds a message. Returns how many went for it.
    pub(super) fn push(&self, payload: Bytes) -> u64 {
        let mut state = self.state();
        if state.is_closed {
            return 0;
        }
        let mut gone = 0;
        while state.is_too_full_for(&payload) {
            let Some(oldest) = state.messages.pop_front() else {
                break;
            };
            state.bytes -= oldest.len();
            gone += 1;
        }
        state.gone += gone;
        state.bytes += payload.len();
        state.messages.push_back(payload);
        drop(state);
        self.changed.notify_one();
        gone
    }

    /// The reader has it from now on.
    pub(super) fn hand_out(&self) {
        self.state().is_handed_out = true;
    }

    /// Tells the reader that messages may be missing.
    pub(super) fn tell_unsure(&self) {
        let mut state = self.state();
        state.is_unsure |= state.is_handed_out && !state.is_closed;
        drop(state);
        self.changed.notify_one();
    }

    /// Lets nothing more in. What is there can still be had.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_one();
    }

    /// The next thing to tell; `None` once it is closed and empty. Nothing is lost where the wait is given up.
    pub(super) async fn next(&self) -> Option<Received> {
        loop {
            if let Some(next) = self.state().take() {
                return next;
            }
            self.changed.notified().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_too_full_for(&self, payload: &Bytes) -> bool {
        self.messages.len() >= MOST_MESSAGES || self.bytes + payload.len() > MOST_BYTES
    }

    /// What the reader gets now: `Some(None)` is the end, `None` that there is nothing yet.
    fn take(&mut self) -> Option<Option<Received>> {
        let gone = std::mem::take(&mut self.gone);
        if gone > 0 {
            return Some(Some(Received::Lost(Lost::Slow(gone))));
        }
        if std::mem::take(&mut self.is_unsure) {
            return Some(Some(Received::Lost(Lost::Unknown)));
        }
        let Some(payload) = self.messages.pop_front() else {
            return self.is_closed.then_some(None);
        };
        self.bytes -= payload.len();
        if self.messages.is_empty() {
            // What a burst took isn't kept for the next.
            self.messages = VecDeque::new();
        }
        Some(Some(Received::Message(payload)))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn queue() -> Queue {
        let queue = Queue::default();
        queue.hand_out();
        queue
    }

    fn next(queue: &Queue) -> Option<Option<Received>> {
        queue.next().now_or_never()
    }

    fn message(text: &'static str) -> Option<Option<Received>> {
        Some(Some(Received::Message(Bytes::from_static(text.as_bytes()))))
    }

    const UNSURE: Option<Option<Received>> = Some(Some(Received::Lost(Lost::Unknown)));

    #[test]
    fn the_oldest_go_where_there_is_no_room_and_the_reader_is_told_first() {
        let queue = queue();
        let most = u64::try_from(MOST_MESSAGES).unwrap();
        let gone: u64 = (0..most + 3)
            .map(|number| queue.push(Bytes::copy_from_slice(&number.to_le_bytes())))
            .sum();
        assert_eq!(gone, 3);
        let told = Some(Some(Received::Lost(Lost::Slow(3))));
        assert_eq!(next(&queue), told);
        for number in 3..most + 3 {
            let payload = Bytes::copy_from_slice(&number.to_le_bytes());
            assert_eq!(next(&queue), Some(Some(Received::Message(payload))));
        }
        assert_eq!(next(&queue), None);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let queue = queue();
        let half = Bytes::from(vec![0; MOST_BYTES / 2]);
        assert_eq!(queue.push(half.clone()) + queue.push(half.clone()), 0);
        assert_eq!(queue.push(Bytes::from_static(b"x")), 1);
        assert_eq!(queue.state().bytes, MOST_BYTES / 2 + 1);
        for _ in 0..3 {
            assert!(next(&queue).is_some());
        }
        assert_eq!(queue.state().bytes, 0);
        assert_eq!(queue.state().messages.capacity(), 0);
    }

    #[test]
    fn a_doubt_is_told_once_and_only_to_whoever_has_it() {
        let queue = Queue::default();
        queue.tell_unsure();
        queue.push(Bytes::from_static(b"a"));
        queue.hand_out();
        assert_eq!(next(&queue), message("a"));
        queue.push(Bytes::from_static(b"b"));
        queue.tell_unsure();
        queue.tell_unsure();
        assert_eq!(next(&queue), UNSURE);
        assert_eq!(next(&queue), message("b"));
        assert_eq!(next(&queue), None);
    }

    #[test]
    fn what_is_there_outlives_the_end() {
        let queue = queue();
        queue.push(Bytes::from_static(b"a"));
        queue.close();
        queue.push(Bytes::from_static(b"b"));
        queue.tell_unsure();
        assert_eq!(next(&queue), message("a"));
        assert_eq!(next(&queue), Some(None));
        assert_eq!(next(&queue), Some(None));
    }
}
