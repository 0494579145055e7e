//! How a connection ends without a request being lost: while the gateway leaves, each answer of HTTP/1.1 says that it is
//! the last one of its connection, and a connection of HTTP/2 says by GOAWAY which requests it still takes. What then is
//! left at shutdown has asked nothing for as long as the gateway left.

use std::net::SocketAddr;
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue};
use http::{Response, Version};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::SetOnce;
use tokio_util::sync::CancellationToken;

/// For the first request of a connection that was made just before shutdown.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// When a connection ends, and how its client learns it.
pub(super) struct Farewell {
    leaving: CancellationToken,
    shutdown: CancellationToken,
    /// What the first request told.
    first: SetOnce<Version>,
}

/// Says goodbye with an answer, where there is reason to.
pub(super) struct Goodbye(Option<CancellationToken>);

impl Farewell {
    /// The connection ends after `leaving`, or at `shutdown`.
    pub(super) fn new(leaving: &CancellationToken, shutdown: CancellationToken) -> Self {
        Self {
            leaving: leaving.clone(),
            shutdown,
            first: SetOnce::new(),
        }
    }

    /// A request came.
    pub(super) fn request(&self, version: Version) -> Goodbye {
        if !self.first.initialized() {
            // Of requests that come at the same time any may be the first.
            let _known = self.first.set(version);
        }
        Goodbye((version < Version::HTTP_2).then(|| self.leaving.clone()))
    }

    /// Completes once the connection should be told to end after what runs on it.
    pub(super) async fn due(&self) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = self.says_so_itself() => return,
        }
        // Where clients were never told, there is somebody who waits for the end.
        if self.leaving.is_cancelled() {
            let _too_late = tokio::time::timeout(FIRST_REQUEST, self.first.wait()).await;
        }
    }

    /// Completes while the gateway leaves, for a connection whose protocol can say that it ends. One whose first request
    /// is under way must be let take it: before that, there is no protocol yet.
    async fn says_so_itself(&self) {
        self.leaving.cancelled().await;
        if *self.first.wait().await < Version::HTTP_2 {
            std::future::pending().await
        }
    }
}

impl Goodbye {
    /// The answer, which ends its connection if the gateway leaves by now.
    pub(super) fn said<B>(self, mut answer: Response<B>) -> Response<B> {
        if self.0.is_some_and(|leaving| leaving.is_cancelled()) {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        }
        answer
    }
}

/// The connections that the kernel has taken and nobody has accepted; with the listener they would be lost.
pub(super) fn waiting(listener: TcpListener) -> impl Iterator<Item = (TcpStream, SocketAddr)> {
    let listener = listener.into_std();
    std::iter::from_fn(move || {
        let (stream, peer) = listener.as_ref().ok()?.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    })
}
