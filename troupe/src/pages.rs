//! Pages of text for operators and their tools, served beside what clients do.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gateway::check_host;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use platform::Tasks;
use platform::connections::accept;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// The type of what people read.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
/// Connections at a time: those of a few tools.
const CONNECTIONS: usize = 64;
/// For a request to come, also on a connection that was used.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves connections as tasks of `connections`, which ends them when it is asked to stop. Never returns.
pub(crate) async fn serve<F>(listener: &TcpListener, connections: &Tasks, answer: F)
where
    F: Fn(&Request<Incoming>) -> Response<String> + Send + Sync + 'static,
{
    let (permits, answer) = (Arc::new(Semaphore::new(CONNECTIONS)), Arc::new(answer));
    let until_stopped = |stream, _| {
        let stop = connections.token().clone();
        stop.run_until_cancelled_owned(connection(stream, Arc::clone(&answer)))
    };
    let failed =
        |error: io::Error| tracing::warn!(%error, "a connection for a page was not accepted");
    accept(listener, &permits, connections, failed, until_stopped).await;
}

async fn connection<F>(stream: TcpStream, answer: Arc<F>)
where
    F: Fn(&Request<Incoming>) -> Response<String>,
{
    let asked = AtomicBool::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        let page = match check_host(&request) {
            Ok(()) => answer(&request),
            Err(host) => page(StatusCode::BAD_REQUEST, TEXT, format!("{host}\n")),
        };
        std::future::ready(Ok::<_, Infallible>(page))
    });
    let mut http = Builder::new(TokioExecutor::new());
    let timer = TokioTimer::new;
    http.http1().timer(timer()).header_read_timeout(PATIENCE);
    http.http2().timer(timer()).keep_alive_interval(PATIENCE);
    // Until the first bytes tell which HTTP it is, the server waits for ever.
    let impatient = async {
        tokio::time::sleep(PATIENCE).await;
        if asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = http.serve_connection(TokioIo::new(stream), service) => if let Err(error) = ended {
            tracing::debug!(%error, "a connection for a page ended");
        },
        () = impatient => tracing::debug!("a connection asked for no page"),
    }
}

/// What a probe is told, if the path is one of a probe.
pub(crate) fn probe(
    path: &str,
    readiness: impl FnOnce() -> Result<(), String>,
) -> Option<Response<String>> {
    let (status, text) = mesh::probe(path, readiness)?;
    Some(page(status, TEXT, text))
}

pub(crate) fn page(
    status: StatusCode,
    content_type: &'static str,
    text: String,
) -> Response<String> {
    let mut answer = Response::new(text);
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
