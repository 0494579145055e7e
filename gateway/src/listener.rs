//! Accepts connections, within limits of number, time and size, and drains them at the end.

mod activity;
mod farewell;
mod foreign;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use platform::Tasks;
use platform::connections::accept;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use self::activity::Activity;
use self::farewell::Farewell;
use self::foreign::Foreign;
use crate::config::Limits;
use crate::gateway::Gateway;
use crate::overload::{self, Pace, Paced};
use crate::tls;

/// How often budgets of callers who are gone are forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// What a client may send ahead of being read, of one request and in all. It is memory that no budget counts.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

impl Gateway {
    /// Serves connections until `shutdown` is cancelled, then lets running calls end within the drain time of the
    /// configuration. Returns true where all of them did. [`Gateway::leaving`] tells clients before.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> bool {
        let connections = Tasks::new();
        let server = Server::new(&self.parts().limits);
        let drain = Duration::from_secs(self.parts().limits.drain_secs);
        let connection = |stream, peer| server.connection(&self, stream, peer, shutdown.clone());
        let failed = |error: io::Error| tracing::warn!(%error, "a connection was not accepted");
        let permits = &server.permits;
        let accepting = accept(&listener, permits, &connections, failed, connection);
        let sweeping = async {
            loop {
                tokio::time::sleep(SWEEP).await;
                self.parts().admission.budgets().forget_idle();
            }
        };
        tokio::select! {
            () = accepting => {}
            () = sweeping => {}
            () = overload::watch(&self.parts().gate) => {}
            () = shutdown.cancelled() => {}
        }
        for (stream, peer) in farewell::waiting(listener) {
            if let Ok(permit) = permits.clone().try_acquire_owned() {
                let served = connection(stream, peer);
                connections.spawn(async move {
                    served.await;
                    drop(permit);
                });
            }
        }
        let drained = connections.shut_down(drain).await;
        server.abandon.cancel();
        drained
    }
}

struct Server {
    http: Arc<Builder<TokioExecutor>>,
    permits: Arc<Semaphore>,
    idle: Duration,
    /// Time for the first request to come.
    patience: Duration,
    /// Cancelled where draining took too long.
    abandon: CancellationToken,
    foreign: Arc<Foreign>,
}

impl Server {
    fn new(limits: &Limits) -> Self {
        let mut http = Builder::new(TokioExecutor::new());
        let keepalive = Duration::from_secs(limits.keepalive_secs);
        http.http1()
            .timer(TokioTimer::new())
            // It begins with the wait for the request, which isn't to be cut short: load balancers keep connections open.
            .header_read_timeout(Duration::from_secs(limits.idle_secs + limits.header_secs))
            .max_buf_size((limits.header_bytes as usize).max(8192));
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams_per_connection)
            .max_header_list_size(limits.header_bytes)
            .keep_alive_interval(keepalive)
            .keep_alive_timeout(keepalive)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        Self {
            http: Arc::new(http),
            permits: Arc::new(Semaphore::new(limits.connections)),
            idle: Duration::from_secs(limits.idle_secs),
            patience: Duration::from_secs(limits.header_secs),
            abandon: CancellationToken::new(),
            foreign: Arc::default(),
        }
    }

    fn connection(
        &self,
        gateway: &Gateway,
        stream: TcpStream,
        peer: SocketAddr,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let pace = Pace::new(peer.ip());
        let connection = Connection {
            http: self.http.clone(),
            gateway: gateway.for_connection(&pace),
            pace,
            activity: Activity::new(),
            shutdown,
            idle: self.idle,
            patience: self.patience,
            abandon: self.abandon.clone(),
            foreign: self.foreign.clone(),
        };
        connection.run(stream)
    }
}

/// A client's connection.
struct Connection {
    http: Arc<Builder<TokioExecutor>>,
    gateway: Gateway,
    pace: Arc<Pace>,
    activity: Activity,
    shutdown: CancellationToken,
    idle: Duration,
    patience: Duration,
    abandon: CancellationToken,
    foreign: Arc<Foreign>,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let Some(tls) = self.gateway.tls().cloned() else {
            let stream = self.paced(stream);
            return self.serve(stream).await;
        };
        let abandon = self.abandon.clone();
        let opening = timeout(self.patience, tls::begins(&stream));
        let opened = abandon.run_until_cancelled(opening).await;
        match opened {
            Some(Ok(Ok(true))) => {
                let handshake = timeout(self.patience, tls.accept(self.paced(stream)));
                // How a handshake fails is the client's business: most often it doesn't trust the certificate.
                if let Some(Ok(Ok(stream))) = abandon.run_until_cancelled(handshake).await {
                    self.serve(stream).await;
                }
            }
            Some(Ok(Ok(false))) => {
                let told = tls::answer_plain(stream, self.patience);
                _ = abandon.run_until_cancelled(told).await;
            }
            _ => {}
        }
    }

    fn paced(&self, stream: TcpStream) -> Paced<impl Fn() -> bool + Send + Unpin + use<>> {
        let answering = self.activity.clone();
        Paced::new(stream, self.pace.clone(), move || answering.is_running())
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let (gateway, activity) = (&self.gateway, &self.activity);
        let farewell = Farewell::new(gateway.leaves(), self.shutdown);
        let service = service_fn(|request: Request<Incoming>| {
            let running = activity.begin();
            let goodbye = farewell.request(request.version());
            // Boxed at once: it is large, and the server moves it several times.
            let arrival = gateway.arrival(request.version());
            let answer = Box::pin(gateway.clone().answer(arrival, request.map(Body::new)));
            async move {
                let answer = goodbye.said(answer.await);
                Ok::<_, Infallible>(answer.map(|body| running.hold(body)))
            }
        });
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            biased;
            // How a client's connection ends is the client's business.
            _ = connection.as_mut() => {
                if self.pace.is_tls() && gateway.tls().is_none() {
                    self.foreign.tell();
                }
                return;
            }
            () = farewell.due() => {}
            () = activity.idle_for(self.idle) => {}
            // The server's own limit begins only once it knows which HTTP it is, and HTTP/2 has none.
            () = activity.unused_for(self.patience) => return,
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            _ = connection.as_mut() => {}
            () = self.abandon.cancelled() => {}
            // A peer that neither asks nor leaves.
            () = activity.idle_for(self.idle * 2) => {}
        }
    }
}
