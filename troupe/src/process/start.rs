//! What is answered while the roles are built, which takes as long as their database isn't there: that the process lives,
//! and what it waits for.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use gateway::Readiness;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use platform::{Health, Tasks};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;
use troupe_proto::{Reason, error};

/// A start that may not be over yet. Cheap to clone.
#[derive(Clone)]
pub(super) struct Start {
    health: Health,
    /// Set once it is over.
    built: Arc<OnceLock<Readiness>>,
}

impl Start {
    /// A start that begins.
    pub(super) fn new(health: &Health) -> Self {
        Self {
            health: health.clone(),
            built: Arc::default(),
        }
    }

    /// Whether the process can do its work: not before the start is over.
    pub(super) fn readiness(&self) -> Readiness {
        let start = self.clone();
        Arc::new(move || match start.built.get() {
            Some(readiness) => readiness(),
            None => Err(start.missing()),
        })
    }

    /// The start is over, and from now on this tells.
    pub(super) fn is_over(&self, readiness: Readiness) {
        let _was_over = self.built.set(readiness);
    }

    fn missing(&self) -> String {
        let problem = self.health.problem();
        problem.unwrap_or_else(|| "the process is starting".to_owned())
    }

    /// Answers whoever comes to the door meanwhile; for ever, if there is no door.
    pub(super) async fn answer(&self, door: Option<&TcpListener>) {
        let Some(door) = door else {
            return std::future::pending().await;
        };
        let connections = Tasks::new();
        // Whoever has been answered comes again, and then to the gateway.
        let _hang_up = connections.token().clone().drop_guard();
        loop {
            if let Ok((stream, _)) = door.accept().await {
                let (start, hang_up) = (self.clone(), connections.token().clone());
                connections.spawn(hang_up.run_until_cancelled_owned(start.speak(stream)));
            }
        }
    }

    async fn speak(self, stream: TcpStream) {
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = self.page(request.uri().path());
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        let http = Builder::new(TokioExecutor::new());
        if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
            tracing::debug!(%error, "a connection during the start ended");
        }
    }

    fn page(&self, path: &str) -> Response<String> {
        let (status, content_type, text) = match path {
            "/healthz" => (StatusCode::OK, "text/plain", "ok\n".to_owned()),
            "/readyz" => {
                let text = format!("not ready: {}\n", self.missing());
                (StatusCode::SERVICE_UNAVAILABLE, "text/plain", text)
            }
            _ => {
                let info = json!({
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": error::reason_name(Reason::Unavailable),
                    "domain": error::DOMAIN,
                });
                let code = Code::Unavailable as i32;
                let status = json!({"code": code, "message": self.missing(), "details": [info]});
                let text = status.to_string();
                (StatusCode::SERVICE_UNAVAILABLE, "application/json", text)
            }
        };
        let mut answer = Response::new(text);
        *answer.status_mut() = status;
        let content_type = HeaderValue::from_static(content_type);
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
        answer
    }
}
