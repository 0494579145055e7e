//! Write coalescing: what all calls of a moment write to a connection leaves in one system call.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection that lets every task that is ready run before it writes. HTTP/2 adds what they send to the frames that
/// wait, so that a busy connection makes one system call where it made one for each call; an idle one writes at once.
#[derive(Debug)]
pub(super) struct Coalesced<S> {
    inner: S,
    has_waited: bool,
}

impl<S> Coalesced<S> {
    /// Gathers the writes to a connection.
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            has_waited: false,
        }
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.has_waited {
            self.has_waited = true;
            // A task that wakes itself goes behind those that are ready; what they send doesn't bring it forward.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Coalesced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Coalesced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_turn(cx));
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_turn(cx));
        Pin::new(&mut self.inner).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // All was written: the next bytes wait again.
        self.has_waited = false;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn what_is_ready_runs_before_the_first_write_and_after_each_flush() {
        let (near, mut far) = duplex(64);
        let mut near = Coalesced::new(near);
        for _ in 0..2 {
            let mut writing = Box::pin(near.write_all(b"ab"));
            assert!(futures::poll!(&mut writing).is_pending());
            writing.await.unwrap();
            // Goes at once, since the turn was waited for.
            assert!(futures::poll!(Box::pin(near.write_all(b"cd"))).is_ready());
            near.flush().await.unwrap();
        }
        let mut all = [0; 8];
        far.read_exact(&mut all).await.unwrap();
        assert_eq!(&all, b"abcdabcd");
    }
}
