//! A connection that was refused isn't read for a while: not before its `retry-after` has passed, unless there is room
//! sooner. What it sends waits in the kernel meanwhile, and the client waits with it instead of asking on.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::load::{Load, Turn};

/// What is read at once of a connection of HTTP/2 that was let go: a few requests, and not all that its streams wait with.
const MORSEL: usize = 128;
/// More than what such a connection's streams wait with, mostly: what is read came after what was read so many bytes ago.
const BACKLOG: usize = 4096;

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
}

/// The connection isn't read.
#[derive(Debug)]
struct Hold {
    since: Instant,
    until: Instant,
    /// Present once it is let go before its time, since there is room.
    turn: Option<Turn>,
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

    /// Stops reading for a time, of all streams that there may be. False where that was so already.
    pub(super) fn hold(&self, load: &Arc<Load>, has_streams: bool, time: Duration) -> bool {
        let mut caution = self.caution();
        if caution.as_ref().is_some_and(|known| known.hold.is_some()) {
            return false;
        }
        *caution = Some(Caution {
            load: Arc::downgrade(load),
            has_streams,
            hold: Some(Hold::new(Instant::now(), time)),
        });
        self.is_cautious.store(true, Ordering::Release);
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

    /// Whether the connection waits for a turn.
    pub(super) fn is_waiting(&self) -> bool {
        let caution = self.caution();
        let hold = caution.as_ref().and_then(|it| it.hold.as_ref());
        hold.is_some_and(|hold| hold.turn.is_none() && Instant::now() < hold.until)
    }

    fn caution(&self) -> MutexGuard<'_, Option<Caution>> {
        self.caution.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_caution(&self) {
        // Dropped without the lock: a turn goes to another connection.
        let _ended = self.caution().take();
        self.is_cautious.store(false, Ordering::Release);
    }

    fn set_waited(&self, waited: Duration) {
        let millis = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.waited.store(millis, Ordering::Relaxed);
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

/// A socket that is read at its connection's pace.
pub(crate) struct Paced<F> {
    socket: TcpStream,
    pace: Arc<Pace>,
    /// Whether a request of it is being answered.
    is_answering: F,
    timer: Option<Pin<Box<Sleep>>>,
    /// Since when something may wait that wasn't read; absent where nothing was there.
    waits_since: Option<Instant>,
    /// When it was read at a place less than a backlog ago, and how many bytes ago that is.
    mark: (Instant, usize),
    /// What was read is let in or refused before more is read.
    is_resting: bool,
    /// All that is there is read, to be refused, since it has waited for too long.
    is_draining: bool,
}

/// How much of a socket may be read now.
enum Portion {
    /// Whatever is there.
    All,
    /// Whatever is there once its time has passed. If that is nothing, the client has waited as it was told.
    Late,
    /// A request, or a morsel of several, for the turn that was given if there was one.
    One { is_morsel: bool, turn: Option<Turn> },
}

impl<F: Fn() -> bool> Paced<F> {
    /// Reads a socket at a pace; `is_answering` tells whether one of its requests is being answered.
    pub(crate) fn new(socket: TcpStream, pace: Arc<Pace>, is_answering: F) -> Self {
        Self {
            socket,
            pace,
            is_answering,
            timer: None,
            waits_since: None,
            mark: (Instant::now(), 0),
            is_resting: false,
            is_draining: false,
        }
    }

    /// Ready once the socket may be read.
    fn poll_portion(&mut self, cx: &mut Context<'_>) -> Poll<Portion> {
        if !self.pace.is_cautious.load(Ordering::Acquire) {
            return Poll::Ready(Portion::All);
        }
        // Before anything is looked at, so that no turn is missed that comes just now.
        self.pace.reader.register(cx.waker());
        let pace = Arc::clone(&self.pace);
        let mut caution = pace.caution();
        let known = caution.as_mut();
        let Some((load, known)) = known.and_then(|it| Some((it.load.upgrade()?, it))) else {
            drop(caution);
            pace.end_caution();
            return Poll::Ready(Portion::All);
        };
        let is_morsel = known.has_streams;
        if is_morsel && pace.bodies.load(Ordering::Acquire) > 0 {
            drop(caution);
            return self.poll_rested(cx);
        }
        let only_looks_for_the_end = !is_morsel && (self.is_answering)();
        if only_looks_for_the_end || self.is_draining {
            return Poll::Ready(Portion::All);
        }
        let Some(hold) = &mut known.hold else {
            if !load.is_pressed() {
                drop(caution);
                pace.end_caution();
                return Poll::Ready(Portion::All);
            }
            if load.has_room() {
                return match is_morsel {
                    true => self.poll_rested(cx),
                    false => Poll::Ready(Portion::All),
                };
            }
            self.is_resting = false;
            let since = *self.waits_since.get_or_insert_with(Instant::now);
            let hold = Hold::new(since, load.hold_time());
            let until = hold.until;
            known.hold = Some(hold);
            drop(caution);
            load.keep(&pace);
            return self.poll_end(cx, until);
        };
        let since = hold.since;
        let Some(turn) = hold.turn.take() else {
            let until = hold.until;
            drop(caution);
            return self.poll_end(cx, until);
        };
        known.hold = None;
        drop(caution);
        self.waits_since = Some(since);
        self.pace.set_waited(since.elapsed());
        if load.is_late(since.elapsed()) {
            return Poll::Ready(Portion::Late);
        }
        let turn = Some(turn);
        Poll::Ready(Portion::One { is_morsel, turn })
    }

    /// Ready for a morsel, once those who asked in the one before were let in or refused.
    fn poll_rested(&mut self, cx: &Context<'_>) -> Poll<Portion> {
        if std::mem::take(&mut self.is_resting) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Portion::One {
            is_morsel: true,
            turn: None,
        })
    }

    /// Ready once a hold has had its time.
    fn poll_end(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<Portion> {
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        if timer.poll_unpin(cx).is_pending() {
            return Poll::Pending;
        }
        let hold = self.pace.caution().as_mut().and_then(|it| it.hold.take());
        if let Some(hold) = hold {
            self.pace.set_waited(hold.since.elapsed());
            self.waits_since = Some(hold.since);
        }
        Poll::Ready(Portion::Late)
    }

    fn poll_all(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if read.is_pending() {
            self.waits_since = None;
            self.is_draining = false;
        } else if self.waits_since.is_none() {
            self.pace.set_waited(Duration::ZERO);
        }
        read
    }

    fn poll_morsel(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut morsel = [0; MORSEL];
        let mut part = ReadBuf::new(&mut morsel[..MORSEL.min(buffer.remaining())]);
        let read = self.poll_all(cx, &mut part);
        buffer.put_slice(part.filled());
        self.mark.1 += part.filled().len();
        if self.mark.1 > BACKLOG {
            self.waits_since = self.waits_since.map(|since| since.max(self.mark.0));
            self.mark = (Instant::now(), 0);
        }
        self.is_resting = true;
        read
    }
}

impl<F: Fn() -> bool + Unpin> AsyncRead for Paced<F> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let portion = match this.poll_portion(cx) {
            Poll::Ready(portion) => portion,
            Poll::Pending => return Poll::Pending,
        };
        match portion {
            Portion::One {
                is_morsel: true,
                turn: _turn,
            } => this.poll_morsel(cx, buffer),
            Portion::All | Portion::One { .. } => this.poll_all(cx, buffer),
            Portion::Late => {
                let read = this.poll_all(cx, buffer);
                match read.is_pending() {
                    true => this.pace.end_caution(),
                    false => this.is_draining = true,
                }
                read
            }
        }
    }
}

impl<F: Unpin> AsyncWrite for Paced<F> {
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
