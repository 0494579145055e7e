//! The collector of spans and metrics, if one is named.

use platform::telemetry::{self, CollectorError, ExportConfig};

use super::finding::Finding;

const SUBJECT: &str = "collector";

/// Sees whether it would take spans.
pub(super) async fn examine(config: &ExportConfig) -> Option<Finding> {
    let (url, examined) = telemetry::examine(config).await?;
    let Err(error) = examined else {
        return Some(Finding::good(SUBJECT, format!("{url} takes spans")));
    };
    let advice = match &error {
        CollectorError::Refused => "correct OTEL_EXPORTER_OTLP_HEADERS",
        CollectorError::Unreached(unreached) => unreached
            .advice()
            .unwrap_or("start it, or correct TROUPE__TELEMETRY__OTLP"),
        CollectorError::Foreign => {
            "correct TROUPE__TELEMETRY__OTLP: the port where it takes gRPC, such as 4317"
        }
    };
    let finding = Finding::broken(SUBJECT, format!("{url}: {error}"));
    Some(finding.advise(format!("{advice}; until then spans and metrics are lost")))
}
