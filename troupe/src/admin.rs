//! The port for operators and their tools: metrics and probes of the process. It isn't for the public, and has no part in
//! what clients do.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use gateway::Readiness;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use platform::Tasks;
use platform::telemetry::{Exporting, Metrics};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections at a time: those of a few tools.
const CONNECTIONS: usize = 64;
/// For a request to come, also on a connection that was used.
const PATIENCE: Duration = Duration::from_secs(30);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const TEXT: &str = "text/plain; charset=utf-8";

/// What the pages show.
struct Pages {
    metrics: Option<Metrics>,
    readiness: Readiness,
}

/// Serves the port until the process is gone, so that who looks while it stops sees that it does.
///
/// # Errors
/// Nobody can listen at the address.
pub(crate) async fn serve(
    address: SocketAddr,
    exporting: &Exporting,
    readiness: Readiness,
) -> Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("can't listen at {address} for metrics; choose another telemetry.admin")
    })?;
    let address = listener.local_addr()?;
    tracing::info!(admin = %address, "metrics and probes are served");
    let pages = Arc::new(Pages {
        metrics: exporting.metrics(),
        readiness,
    });
    // Not among those that shutdown waits for.
    let connections = Tasks::new();
    connections.spawn(accept(listener, pages, connections.clone()));
    Ok(())
}

async fn accept(listener: TcpListener, pages: Arc<Pages>, connections: Tasks) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&free).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = connection(stream, Arc::clone(&pages));
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, pages: Arc<Pages>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = pages.answer(request.method(), request.uri().path());
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection for metrics ended");
    }
}

impl Pages {
    fn answer(&self, method: &Method, path: &str) -> Response<String> {
        if method != Method::GET && method != Method::HEAD {
            return page(
                StatusCode::METHOD_NOT_ALLOWED,
                TEXT,
                "only GET\n".to_owned(),
            );
        }
        match path {
            "/metrics" => self.metrics(),
            "/healthz" => page(StatusCode::OK, TEXT, "ok\n".to_owned()),
            "/readyz" => match (self.readiness)() {
                Ok(()) => page(StatusCode::OK, TEXT, "ready\n".to_owned()),
                Err(missing) => {
                    let text = format!("not ready: {missing}\n");
                    page(StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
                }
            },
            _ => {
                let text = "there are /metrics, /healthz and /readyz\n".to_owned();
                page(StatusCode::NOT_FOUND, TEXT, text)
            }
        }
    }

    fn metrics(&self) -> Response<String> {
        match self.metrics.as_ref().map(Metrics::text) {
            Some(Ok(text)) => page(StatusCode::OK, Metrics::CONTENT_TYPE, text),
            Some(Err(error)) => {
                tracing::error!(%error, "metrics can't be written");
                let text = "metrics can't be written; the log says why\n".to_owned();
                page(StatusCode::INTERNAL_SERVER_ERROR, TEXT, text)
            }
            None => {
                let text = "OTEL_SDK_DISABLED switches metrics off\n".to_owned();
                page(StatusCode::NOT_FOUND, TEXT, text)
            }
        }
    }
}

fn page(status: StatusCode, content_type: &'static str, text: String) -> Response<String> {
    let mut answer = Response::new(text);
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
