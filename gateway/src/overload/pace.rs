//! A connection that was refused isn't read for a while: not before its `retry-after` has passed, unless there is room
//! sooner. What it sends waits in the kernel meanwhile, and the client waits with it instead of asking on.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use futures::task::AtomicWaker;
use tokio::time::Instant;

use super::load::{Load, Turn};

/// What is read at once of a connection of HTTP/2 that was let go: a few requests, and not all that its streams wait with.
pub(super) const MORSEL: usize = 160;
/// Requests in a morsel, about: a head that is like the one before takes some 20 bytes.
const CALLS_OF_A_MORSEL: usize = 24;

/// How fast a connection is read.
#[derive(Debug)]
pub(crate) struct Pace {
    address: IpAddr,
    /// Whether `caution` is there, to be seen without a lock.
    is_cautious: AtomicBool,
    caution: Mutex<Option<Caution>>,
    /// How long what is being read may have waited, in milliseconds.
    waited: AtomicU64,
    /// Bodies that streams of calls that were let in are still to send.
    bodies: AtomicUsize,
    reader: AtomicWaker,
    /// Whether what came first is no HTTP but the begin of TLS.
    is_tls: AtomicBool,
}

/// The body of a call is to be read, until this is dropped.
#[derive(Debug)]
pub(super) struct ExpectedBody(Arc<Pace>);

impl Drop for ExpectedBody {
    fn drop(&mut self) {
        self.0.bodies.fetch_sub(1, Ordering::AcqRel);
    }
}

/// From a refusal on, until no more calls are refused: only what there is room for is read.
#[derive(Debug)]
struct Caution {
    load: Weak<Load>,
    /// Whether many streams wait in the connection.
    has_streams: bool,
    hold: Option<Hold>,
    /// For the morsel that was read last, until its calls are let in or refused.
    reading: Option<Turn>,
}

/// The connection isn't read.
#[derive(Debug)]
struct Hold {
    since: Instant,
    until: Instant,
    /// Present once it is let go before its time, since there is room.
    turn: Option<Turn>,
}

/// What becomes of a connection's reader.
pub(super) enum Step {
    /// It reads whatever is there.
    Free,
    /// It reads a morsel of what many streams wait with.
    Morsel,
    /// It waits, unless it is woken sooner.
    Wait { until: Instant },
    /// It has the turn to read what waits since then: a request if the turn is given, else a morsel of several.
    Turn {
        turn: Option<Turn>,
        since: Instant,
        /// Whether that has waited for so long that it is to be refused.
        is_late: bool,
    },
}

impl Pace {
    /// A connection that is read as fast as it sends. Its refusals are shared by `address`.
    pub(crate) fn new(address: IpAddr) -> Arc<Self> {
        Arc::new(Self {
            address,
            is_cautious: AtomicBool::new(false),
            caution: Mutex::new(None),
            waited: AtomicU64::new(0),
            bodies: AtomicUsize::new(0),
            reader: AtomicWaker::new(),
            is_tls: AtomicBool::new(false),
        })
    }

    /// The address at the other end.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// Whether the client speaks TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls.load(Ordering::Relaxed)
    }

    /// Looks at what a client sends first: a handshake of TLS begins with its kind and the major version.
    pub(super) fn look_at_begin(&self, bytes: &[u8]) {
        if bytes.starts_with(&[0x16, 0x03]) {
            self.is_tls.store(true, Ordering::Relaxed);
        }
    }

    /// How long what was read last may have waited to be read.
    pub(crate) fn waited(&self) -> Duration {
        Duration::from_millis(self.waited.load(Ordering::Relaxed))
    }

    /// Stops reading for a time, of all streams that there may be. False where that was so already.
    pub(super) fn hold(&self, load: &Arc<Load>, has_streams: bool, time: Duration) -> bool {
        let mut caution = self.caution();
        if caution.as_ref().is_some_and(|known| known.hold.is_some()) {
            return false;
        }
        let ended = caution.replace(Caution {
            load: Arc::downgrade(load),
            has_streams,
            hold: Some(Hold::new(Instant::now(), time)),
            reading: None,
        });
        self.is_cautious.store(true, Ordering::Release);
        drop(caution);
        // Only now, since a turn goes to another connection.
        drop(ended);
        true
    }

    /// Reads on before the time has passed.
    pub(super) fn let_go(&self, turn: Turn) {
        let unused = match self.caution().as_mut().and_then(|it| it.hold.as_mut()) {
            Some(hold) => hold.turn.replace(turn),
            None => Some(turn),
        };
        self.reader.wake();
        // Only now, since it goes to another connection.
        drop(unused);
    }

    /// The body of a call that was let in is to be read, whatever else comes with it, until what is given is dropped.
    pub(super) fn expect_body(self: &Arc<Self>) -> ExpectedBody {
        self.bodies.fetch_add(1, Ordering::AcqRel);
        self.reader.wake();
        ExpectedBody(Arc::clone(self))
    }

    /// Whether many streams wait in the connection.
    pub(super) fn has_streams(&self) -> bool {
        let caution = self.caution();
        caution.as_ref().is_some_and(|caution| caution.has_streams)
    }

    /// Calls that are read in a turn, about.
    pub(super) fn calls_of_a_turn(&self) -> usize {
        if self.has_streams() {
            CALLS_OF_A_MORSEL
        } else {
            1
        }
    }

    /// Whether the connection waits for a turn.
    pub(super) fn is_waiting(&self) -> bool {
        let caution = self.caution();
        let hold = caution.as_ref().and_then(|it| it.hold.as_ref());
        hold.is_some_and(|hold| hold.turn.is_none() && Instant::now() < hold.until)
    }

    /// Wakes the reader when what it may do changes.
    pub(super) fn watch(&self, waker: &Waker) {
        self.reader.register(waker);
    }

    /// What the reader does next. It is woken by `waker` when that changes. What it reads has waited since `waits_since`, and
    /// with `is_only_looking` it finds the end of the connection at most.
    pub(super) fn step(
        self: &Arc<Self>,
        waker: &Waker,
        is_only_looking: impl Fn() -> bool,
        waits_since: Option<Instant>,
    ) -> Step {
        if !self.is_cautious.load(Ordering::Acquire) {
            return Step::Free;
        }
        // Before anything is looked at, so that no turn is missed that comes just now.
        self.watch(waker);
        // Dropped without the lock, since a turn goes to another connection; and only once it is known whether this one has the
        // next.
        let had;
        let mut caution = self.caution();
        let known = caution.as_mut();
        let Some((load, known)) = known.and_then(|it| Some((it.load.upgrade()?, it))) else {
            drop(caution);
            return self.end_caution();
        };
        let is_morsel = known.has_streams;
        if is_morsel && self.bodies.load(Ordering::Acquire) > 0 {
            return Step::Morsel;
        }
        if !is_morsel && is_only_looking() {
            return Step::Free;
        }
        had = known.reading.take();
        if let Some(mut hold) = known.hold.take() {
            let Some(turn) = hold.turn.take() else {
                let until = hold.until;
                known.hold = Some(hold);
                return Step::Wait { until };
            };
            let turn = match is_morsel {
                true => {
                    known.reading = Some(turn);
                    None
                }
                false => Some(turn),
            };
            return Step::Turn {
                turn,
                since: hold.since,
                is_late: load.is_late(hold.since.elapsed()),
            };
        }
        if !load.is_pressed() {
            drop(caution);
            return self.end_caution();
        }
        if load.has_room(had.as_ref(), is_morsel) {
            if !is_morsel {
                return Step::Free;
            }
            known.reading = Some(load.turn(CALLS_OF_A_MORSEL));
            return Step::Morsel;
        }
        let since = waits_since.unwrap_or_else(Instant::now);
        let hold = Hold::new(since, load.hold_time());
        let until = hold.until;
        known.hold = Some(hold);
        drop(caution);
        load.keep(self);
        Step::Wait { until }
    }

    /// There is nothing more to read: the turn is another's.
    pub(super) fn end_reading(&self) {
        if self.is_cautious.load(Ordering::Acquire) {
            // Dropped without the lock.
            let _ended = self.caution().as_mut().and_then(|it| it.reading.take());
        }
    }

    /// Ends a hold that has had its time; gives since when it was.
    pub(super) fn end_hold(&self) -> Option<Instant> {
        let hold = self.caution().as_mut().and_then(|it| it.hold.take());
        hold.map(|hold| hold.since)
    }

    /// No more is refused: all is read again.
    pub(super) fn end_caution(&self) -> Step {
        let mut caution = self.caution();
        let ended = caution.take();
        self.is_cautious.store(false, Ordering::Release);
        drop(caution);
        // Only now, since a turn goes to another connection.
        drop(ended);
        Step::Free
    }

    /// Notes how long what is read now may have waited.
    pub(super) fn set_waited(&self, waited: Duration) {
        let millis = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.waited.store(millis, Ordering::Relaxed);
    }

    fn caution(&self) -> MutexGuard<'_, Option<Caution>> {
        self.caution.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// From now on, of something that has waited for a while.
    fn new(since: Instant, time: Duration) -> Self {
        Self {
            since,
            until: Instant::now() + time,
            turn: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_tls_by_its_begin() {
        for (begin, is_tls) in [
            (&b"\x16\x03\x01\x02\0\x01"[..], true),
            (b"GET / HTTP/1.1", false),
            (b"PRI * HTTP/2.0", false),
            (b"", false),
        ] {
            let pace = Pace::new([127, 0, 0, 1].into());
            pace.look_at_begin(begin);
            assert_eq!(pace.is_tls(), is_tls, "{begin:?}");
        }
    }
}
