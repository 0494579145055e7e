//! Whether a process can do its work, and how probes ask for it.

use std::sync::Arc;

use http::StatusCode;

/// Tells whether a process can do its work; the error is what is missing. The gateway and every role of a process tell the
/// same.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What a probe is told at a path: that the process lives (`/healthz`), or whether it is ready (`/readyz`). `None` for other
/// paths.
pub fn probe(
    path: &str,
    readiness: impl FnOnce() -> Result<(), String>,
) -> Option<(StatusCode, String)> {
    match path {
        "/healthz" => Some((StatusCode::OK, "ok\n".to_owned())),
        "/readyz" => Some(match readiness() {
            Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
            Err(missing) => {
                let text = format!("not ready: {missing}\n");
                (StatusCode::SERVICE_UNAVAILABLE, text)
            }
        }),
        _ => None,
    }
}
