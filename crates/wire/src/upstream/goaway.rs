//! A watcher for GOAWAY: what a server says about its connection, that it speaks HTTP/2 and that it takes no more calls.
//! hyper knows both, and tells neither before the next call fails.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

const HEADER_BYTES: usize = 9;
/// A header, and the identifier of the last stream behind the header of a GOAWAY.
const KEPT_BYTES: usize = HEADER_BYTES + 4;
const GO_AWAY: u8 = 7;
/// What a server names as the last stream before it knows which will be the last.
const ANY_STREAM: u32 = 0x7fff_ffff;

/// The last that a server said about its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    /// It speaks HTTP/2, and takes calls.
    Welcome,
    /// It takes no more calls; those on streams up to the last are still answered.
    Goodbye {
        last_stream: u32,
    },
}

impl Said {
    /// Whether calls on later streams were certainly not handled.
    pub(super) fn names_last_stream(self) -> bool {
        matches!(self, Self::Goodbye { last_stream } if last_stream < ANY_STREAM)
    }
}

/// A connection whose frames are watched for GOAWAY as they are read. Receivers of the news also learn of its end.
#[derive(Debug)]
pub(super) struct GoawayWatcher<S> {
    inner: S,
    frames: Frames,
    last: Said,
    news: watch::Sender<Said>,
}

impl<S> GoawayWatcher<S> {
    pub(super) fn new(inner: S) -> (Self, watch::Receiver<Said>) {
        let (news, said) = watch::channel(Said::Nothing);
        let watcher = Self {
            inner,
            frames: Frames::default(),
            last: Said::Nothing,
            news,
        };
        (watcher, said)
    }
}

/// Where in the stream of frames a connection is.
#[derive(Debug, Default)]
struct Frames {
    /// Bytes of the frame that are neither kept nor looked at.
    skip: usize,
    kept: [u8; KEPT_BYTES],
    kept_len: usize,
}

impl Frames {
    /// Follows the next bytes, and tells what they say.
    fn read(&mut self, mut bytes: &[u8]) -> Option<Said> {
        let mut said = None;
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let wanted = self.wanted();
            let taken = (wanted - self.kept_len).min(bytes.len());
            self.kept[self.kept_len..self.kept_len + taken].copy_from_slice(&bytes[..taken]);
            self.kept_len += taken;
            bytes = &bytes[taken..];
            if self.kept_len == self.wanted() {
                let next = self.end();
                if next != Said::Welcome || said.is_none() {
                    said = Some(next);
                }
            }
        }
        said
    }

    /// How many bytes of the frame must be kept.
    fn wanted(&self) -> usize {
        let is_goodbye = self.kept_len >= HEADER_BYTES && self.kept[3] == GO_AWAY;
        if is_goodbye { KEPT_BYTES } else { HEADER_BYTES }
    }

    fn end(&mut self) -> Said {
        let [a, b, c, kind, ..] = self.kept;
        let payload = u32::from_be_bytes([0, a, b, c]) as usize;
        self.skip = (payload + HEADER_BYTES).saturating_sub(self.kept_len);
        self.kept_len = 0;
        if kind != GO_AWAY {
            return Said::Welcome;
        }
        let [.., a, b, c, d] = self.kept;
        let last_stream = u32::from_be_bytes([a, b, c, d]) & ANY_STREAM;
        Said::Goodbye { last_stream }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GoawayWatcher<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        if let Some(said) = self.frames.read(&buffer.filled()[before..])
            && said != self.last
            // After a goodbye nothing is news but a goodbye that names an earlier stream.
            && (said != Said::Welcome || self.last == Said::Nothing)
        {
            self.last = said;
            self.news.send_replace(said);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for GoawayWatcher<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, 0, 0, 0, 0, 0]);
        frame.extend(payload);
        frame
    }

    fn goodbye(last_stream: u32) -> Vec<u8> {
        let mut payload = last_stream.to_be_bytes().to_vec();
        payload.extend([0, 0, 0, 0]);
        payload.extend(b"too old");
        frame(GO_AWAY, &payload)
    }

    #[tokio::test]
    async fn tells_what_the_server_says_however_its_bytes_are_cut() {
        // A payload that looks like a goodbye is none.
        let talk = [
            frame(4, &[]),
            frame(0, &goodbye(1)),
            goodbye(ANY_STREAM),
            frame(0, &[7; 300]),
            goodbye(5),
        ]
        .concat();
        for cut in [1, 2, 7, 9, 13, 64, 1000] {
            let (near, mut far) = duplex(4096);
            let (mut near, mut said) = GoawayWatcher::new(near);
            let mut seen = Vec::new();
            for piece in talk.chunks(cut) {
                far.write_all(piece).await.unwrap();
                near.read_exact(&mut vec![0; piece.len()]).await.unwrap();
                if said.has_changed().unwrap() {
                    seen.push(*said.borrow_and_update());
                }
            }
            let last = seen.last().copied();
            assert_eq!(last, Some(Said::Goodbye { last_stream: 5 }), "{cut}");
            if cut < 64 {
                assert_eq!(seen[0], Said::Welcome);
                let first = Said::Goodbye {
                    last_stream: ANY_STREAM,
                };
                assert_eq!(seen[1], first);
                assert_eq!(seen.len(), 3);
            }
            drop(near);
            assert!(said.changed().await.is_err());
        }
    }
}
