//! A socket that is read at its connection's pace.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::load::Turn;
use super::pace::{MORSEL, Pace, Step};

/// The socket.
pub(crate) struct Paced<F> {
    socket: TcpStream,
    pace: Arc<Pace>,
    /// Whether a request of it is being answered.
    is_answering: F,
    timer: Option<Pin<Box<Sleep>>>,
    /// Since when something may wait that wasn't read; absent where nothing was there.
    waits_since: Option<Instant>,
    mark: Mark,
    /// What was read is let in or refused before more is read.
    is_resting: bool,
    /// All that is there is read, to be refused, since it has waited for too long.
    is_draining: bool,
    /// Whether anything came yet.
    is_begun: bool,
}

/// A place in what a client sends: what comes after it was sent after a moment.
struct Mark {
    at: Instant,
    /// Bytes to read until the place is reached.
    left: u64,
}

/// How much of a socket may be read now.
enum Portion {
    /// Whatever is there.
    All,
    /// Whatever is there once its time has passed. If that is nothing, the client has waited as it was told.
    Late,
    /// A request, for the turn that was given.
    One(Turn),
    /// A few of several requests.
    Morsel,
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
            mark: Mark::of_nothing(),
            is_resting: false,
            is_draining: false,
            is_begun: false,
        }
    }

    /// Ready once the socket may be read.
    fn poll_portion(&mut self, cx: &mut Context<'_>) -> Poll<Portion> {
        if self.is_draining {
            self.pace.watch(cx.waker());
            return Poll::Ready(Portion::All);
        }
        if std::mem::take(&mut self.is_resting) {
            // Once those who asked in the morsel before were let in or refused.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let step = self
            .pace
            .step(cx.waker(), &self.is_answering, self.waits_since);
        Poll::Ready(match step {
            Step::Free => Portion::All,
            Step::Morsel => Portion::Morsel,
            Step::Wait { until } => {
                ready!(self.poll_until(cx, until));
                if let Some(since) = self.pace.end_hold() {
                    self.has_waited(since);
                }
                Portion::Late
            }
            Step::Turn {
                turn,
                since,
                is_late,
            } => {
                self.has_waited(since);
                match turn {
                    _ if is_late => Portion::Late,
                    Some(turn) => Portion::One(turn),
                    None => Portion::Morsel,
                }
            }
        })
    }

    fn has_waited(&mut self, since: Instant) {
        self.pace.set_waited(since.elapsed());
        self.waits_since = Some(since);
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        timer.poll_unpin(cx)
    }

    fn poll_all(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if read.is_pending() {
            self.waits_since = None;
            self.is_draining = false;
            self.pace.end_reading();
        } else if self.waits_since.is_none() {
            self.pace.set_waited(Duration::ZERO);
        }
        read
    }

    fn poll_late(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.poll_all(cx, buffer);
        if read.is_pending() {
            self.pace.end_caution();
        } else {
            self.is_draining = true;
        }
        read
    }

    fn poll_morsel(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.mark.left == 0 {
            self.waits_since = self.waits_since.map(|since| since.max(self.mark.at));
            self.mark = Mark::after_all_of(&self.socket);
        }
        if let Some(since) = self.waits_since {
            self.pace.set_waited(since.elapsed());
        }
        let mut morsel = [0; MORSEL];
        let mut part = ReadBuf::new(&mut morsel[..MORSEL.min(buffer.remaining())]);
        let read = self.poll_all(cx, &mut part);
        buffer.put_slice(part.filled());
        self.mark.left = self.mark.left.saturating_sub(part.filled().len() as u64);
        self.is_resting = read.is_ready();
        read
    }
}

impl Mark {
    fn of_nothing() -> Self {
        Self {
            at: Instant::now(),
            left: 0,
        }
    }

    /// Where what is there of a socket ends.
    fn after_all_of(socket: &TcpStream) -> Self {
        Self {
            at: Instant::now(),
            left: rustix::io::ioctl_fionread(socket).unwrap_or(0),
        }
    }
}

impl<F: Fn() -> bool + Unpin> AsyncRead for Paced<F> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        // A turn is given back only once its request was read.
        let read = match ready!(this.poll_portion(cx)) {
            Portion::All => this.poll_all(cx, buffer),
            Portion::One(_turn) => this.poll_all(cx, buffer),
            Portion::Morsel => this.poll_morsel(cx, buffer),
            Portion::Late => this.poll_late(cx, buffer),
        };
        if !this.is_begun && read.is_ready() {
            this.is_begun = true;
            this.pace.look_at_begin(&buffer.filled()[before..]);
        }
        read
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
