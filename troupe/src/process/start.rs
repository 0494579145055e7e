//! What the process answers while its roles are built: that it lives, and what it waits for. While a database is away, that
//! can take long.

use std::sync::{Arc, OnceLock};

use http::{Response, StatusCode};
use mesh::Readiness;
use platform::{Health, Tasks};
use serde_json::json;
use tokio::net::TcpListener;
use tonic::Code;
use troupe_proto::{Reason, error};

use crate::pages;

/// A start that may not be over yet. Cheap to clone.
#[derive(Clone)]
pub(super) struct Start {
    health: Health,
    /// Set once it is over.
    built: Arc<OnceLock<Readiness>>,
}

impl Start {
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

    /// Answers requests until the start is over. Without a socket, it never returns.
    pub(super) async fn answer(&self, socket: Option<&TcpListener>) {
        let Some(socket) = socket else {
            return std::future::pending().await;
        };
        let connections = Tasks::new();
        // Whoever has been answered comes again, and then to the gateway.
        let _hang_up = connections.token().clone().drop_guard();
        let start = self.clone();
        pages::serve(socket, &connections, move |request| {
            start.page(request.uri().path())
        })
        .await;
    }

    fn page(&self, path: &str) -> Response<String> {
        pages::probe(path, || Err(self.missing())).unwrap_or_else(|| {
            let info = json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": Reason::Unavailable.name(),
                "domain": error::DOMAIN,
            });
            let code = Code::Unavailable as i32;
            let status = json!({"code": code, "message": self.missing(), "details": [info]});
            let unavailable = StatusCode::SERVICE_UNAVAILABLE;
            pages::page(unavailable, "application/json", status.to_string())
        })
    }
}
