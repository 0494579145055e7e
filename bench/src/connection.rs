//! One plain HTTP connection to a loopback address, as the load generator and the first-token clients use it.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A connection that carries one request at a time. Its driver lives in the task set given to the constructor.
pub(crate) enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Connects with HTTP/1.1.
    pub(crate) async fn http1(address: SocketAddr, tasks: &mut JoinSet<()>) -> Result<Self> {
        let (sender, driver) = http1::handshake(connect(address).await?).await?;
        tasks.spawn(async move {
            // What breaks the connection also fails the request on it, which reports it.
            let _ended = driver.await;
        });
        Ok(Self::Http1(sender))
    }

    /// Connects with HTTP/2, knowing that the server speaks it.
    pub(crate) async fn http2(address: SocketAddr, tasks: &mut JoinSet<()>) -> Result<Self> {
        let io = connect(address).await?;
        let (sender, driver) = http2::handshake(TokioExecutor::new(), io).await?;
        tasks.spawn(async move {
            let _ended = driver.await;
        });
        Ok(Self::Http2(sender))
    }

    /// Sends a request and waits for the head of the answer.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}

async fn connect(address: SocketAddr) -> Result<TokioIo<TcpStream>> {
    let stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(stream))
}
