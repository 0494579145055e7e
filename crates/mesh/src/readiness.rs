//! Whether a process can do its work.

use std::sync::Arc;

/// Tells whether a process can do its work; the error is what is missing. The gateway and every role of a process tell the
/// same.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;
