//! A connection that was refused isn't read for a while: not before its `retry-after` has passed, unless there is room
//! sooner. What it sends waits in the kernel meanwhile, and the client waits with it instead of asking on.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::load::Load;

/// Addresses that are looked at for one whose connection may go on.
const LOOKED_AT: usize = 4;

/// How fast a connection is read.
#[derive(Debug)]
pub(crate) struct Pace {
    address: IpAddr,
    is_held: AtomicBool,
    hold: Mutex<Option<Hold>>,
    /// How long what is being read may have waited, in milliseconds.
    waited: AtomicU64,
    reader: AtomicWaker,
}

#[derive(Debug, Clone)]
struct Hold {
    since: Instant,
    until: Instant,
    load: Weak<Load>,
    /// Let go before its time, since there is room.
    is_let_go: bool,
}

impl Pace {
    /// A connection that is read as fast as it sends. Its refusals are shared by `address`.
    pub(crate) fn new(address: IpAddr) -> Arc<Self> {
        Arc::new(Self {
            address,
            is_held: AtomicBool::new(false),
            hold: Mutex::new(None),
            waited: AtomicU64::new(0),
            reader: AtomicWaker::new(),
        })
    }

    /// The address at the other end.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// How long what was read last may have waited to be read.
    pub(crate) fn waited(&self) -> Duration {
        Duration::from_millis(self.waited.load(Ordering::Relaxed))
    }

    /// Stops reading for a time. False where that was so already.
    pub(super) fn hold(&self, time: Duration, load: &Arc<Load>) -> bool {
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        if hold.is_some() {
            return false;
        }
        let since = Instant::now();
        *hold = Some(Hold {
            since,
            until: since + time,
            load: Arc::downgrade(load),
            is_let_go: false,
        });
        self.is_held.store(true, Ordering::Release);
        true
    }

    /// Reads on before the time has passed.
    pub(super) fn let_go(&self) {
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hold) = hold.as_mut() {
            hold.is_let_go = true;
        }
        drop(hold);
        self.reader.wake();
    }

    fn held(&self) -> Option<Hold> {
        if !self.is_held.load(Ordering::Acquire) {
            return None;
        }
        let hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        hold.clone()
    }

    fn end_hold(&self) {
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        *hold = None;
        self.is_held.store(false, Ordering::Release);
    }

    /// Since when the connection waits, if it still does.
    fn waits_since(&self) -> Option<Instant> {
        let hold = self.held()?;
        (!hold.is_let_go && Instant::now() < hold.until).then_some(hold.since)
    }
}

/// Connections that aren't read, by address, each with the one that was refused last at the end.
#[derive(Debug, Default)]
pub(super) struct Held {
    waiting: HashMap<IpAddr, VecDeque<Weak<Pace>>>,
    turns: VecDeque<IpAddr>,
}

impl Held {
    /// Adds a connection.
    pub(super) fn put(&mut self, pace: &Arc<Pace>) {
        let list = self.waiting.entry(pace.address).or_default();
        if list.is_empty() {
            self.turns.push_back(pace.address);
        }
        // All are held for as long as one another, so the first have had their time.
        while list.front().is_some_and(|first| waits(first).is_none()) {
            list.pop_front();
        }
        list.push_back(Arc::downgrade(pace));
    }

    /// Takes out the connection of the address whose turn it is that was refused last, if that was within `young`.
    pub(super) fn take(&mut self, young: Option<Duration>) -> Option<Arc<Pace>> {
        for _ in 0..LOOKED_AT {
            let address = self.turns.pop_front()?;
            let list = self.waiting.get_mut(&address)?;
            while list.back().is_some_and(|last| waits(last).is_none()) {
                list.pop_back();
            }
            let Some(last) = list.back() else {
                self.waiting.remove(&address);
                continue;
            };
            let is_old =
                waits(last).is_some_and(|since| young.is_some_and(|young| since.elapsed() > young));
            let taken = match is_old {
                true => None,
                false => list.pop_back(),
            };
            if list.is_empty() {
                self.waiting.remove(&address);
            } else {
                self.turns.push_back(address);
            }
            if let Some(pace) = taken.and_then(|pace| pace.upgrade()) {
                return Some(pace);
            }
        }
        None
    }
}

fn waits(pace: &Weak<Pace>) -> Option<Instant> {
    pace.upgrade()?.waits_since()
}

/// A socket that is read at its connection's pace.
pub(crate) struct Paced {
    socket: TcpStream,
    pace: Arc<Pace>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Where to look for another to let go, if this one has nothing to ask.
    let_go_by: Option<Weak<Load>>,
}

impl Paced {
    /// Reads a socket at a pace.
    pub(crate) fn new(socket: TcpStream, pace: Arc<Pace>) -> Self {
        Self {
            socket,
            pace,
            timer: None,
            let_go_by: None,
        }
    }

    /// Ready once the socket may be read.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut hold) = self.pace.held() else {
            return Poll::Ready(());
        };
        if !hold.is_let_go {
            let until = hold.until;
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
            if timer.deadline() != until {
                timer.as_mut().reset(until);
            }
            self.pace.reader.register(cx.waker());
            if timer.poll_unpin(cx).is_pending() {
                // It may have been let go just before this was registered.
                match self.pace.held() {
                    Some(now) if !now.is_let_go => return Poll::Pending,
                    Some(now) => hold = now,
                    None => {}
                }
            }
        }
        let waited = hold.since.elapsed().as_millis() as u64;
        self.pace.waited.store(waited, Ordering::Relaxed);
        self.let_go_by = hold.is_let_go.then_some(hold.load);
        self.pace.end_hold();
        Poll::Ready(())
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.poll_turn(cx).is_pending() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.socket).poll_read(cx, buffer);
        let has_asked = buffer.filled().len() > before;
        if let Some(load) = this.let_go_by.take()
            && !has_asked
            && let Some(load) = load.upgrade()
        {
            load.pass_on();
        }
        if read.is_pending() {
            // What comes from now on wasn't kept waiting.
            this.pace.waited.store(0, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(cx, buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overload;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn addresses_take_turns_and_the_last_refused_is_the_first() {
        let load = Load::new(&Overload::default());
        let mut held = Held::default();
        let pace = |address: &str| {
            let pace = Pace::new(address.parse().unwrap());
            assert!(pace.hold(HOUR, &load));
            pace
        };
        let stormer: Vec<_> = (0..3).map(|_| pace("192.0.2.1")).collect();
        stormer.iter().for_each(|pace| held.put(pace));
        let other = pace("192.0.2.2");
        held.put(&other);
        assert!(Arc::ptr_eq(&held.take(None).unwrap(), &stormer[2]));
        assert!(Arc::ptr_eq(&held.take(None).unwrap(), &other));
        // Those that are let go otherwise, or closed, are left out.
        stormer[1].let_go();
        assert!(Arc::ptr_eq(&held.take(Some(HOUR)).unwrap(), &stormer[0]));
        assert!(held.take(None).is_none());
    }

    #[test]
    fn what_has_waited_for_long_is_left_where_only_the_young_are_asked_for() {
        let load = Load::new(&Overload::default());
        let mut held = Held::default();
        let pace = Pace::new("192.0.2.1".parse().unwrap());
        pace.hold(HOUR, &load);
        held.put(&pace);
        let none_is_younger = Some(Duration::ZERO);
        assert!(held.take(none_is_younger).is_none());
        assert!(held.take(None).is_some());
    }
}
