//! The port for operators and their tools: metrics and probes of the process. It isn't for the public, and has no part in
//! what clients do.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use http::header::{CONNECTION, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use mesh::Readiness;
use platform::Tasks;
use platform::telemetry::{Exporting, Metrics};
use tokio::net::TcpListener;

use crate::pages::{self, TEXT, page};

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
    tasks: &Tasks,
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
    let tasks = tasks.clone();
    let answer = move |request: &Request<Incoming>| {
        let mut answer = pages.answer(request.method(), request.uri().path());
        if tasks.is_going() && request.version() < Version::HTTP_2 {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        }
        answer
    };
    let serving = connections.clone();
    connections.spawn(async move { pages::serve(&listener, &serving, answer).await });
    Ok(())
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
            _ => pages::probe(path, || (self.readiness)()).unwrap_or_else(|| {
                let text = "there are /metrics, /healthz and /readyz\n".to_owned();
                page(StatusCode::NOT_FOUND, TEXT, text)
            }),
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
