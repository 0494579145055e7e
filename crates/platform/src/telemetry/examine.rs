//! Examines the collector, to say why nothing arrives there.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use percent_encoding::percent_decode_str;
use tonic::metadata::{MetadataKey, MetadataMap};
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};

use super::export::{ExportConfig, is_disabled, tls};
use crate::config::{ServerUrl, variable_of_others};
use crate::reach::Unreached;

const PATIENCE: Duration = Duration::from_secs(3);
/// The standard variables with what is sent along, of which the first that is set holds.
const HEADERS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_HEADERS",
];

/// A collector that takes nothing from us.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// There is no way to it.
    #[error("it can't be reached: {0}")]
    Unreached(Unreached),
    /// It doesn't take the login.
    #[error("it refuses the login")]
    Refused,
    /// It answers something else.
    #[error("what listens there doesn't answer like a collector of OTLP over gRPC")]
    Foreign,
}

/// Sends no spans, and sees whether they are taken; nothing where none are to be sent. Also tells where.
pub async fn examine(config: &ExportConfig) -> Option<(ServerUrl, Result<(), CollectorError>)> {
    let url = config.collector().filter(|_| !is_disabled())?;
    let sending = tokio::time::timeout(PATIENCE, send(&url));
    let sent = match sending.await {
        Ok(sent) => sent,
        Err(_) => Err(CollectorError::Unreached(Unreached::Silent)),
    };
    Some((ServerUrl::new(url), sent))
}

async fn send(url: &str) -> Result<(), CollectorError> {
    let mut endpoint =
        Endpoint::from_shared(url.to_owned()).map_err(|_| CollectorError::Foreign)?;
    if url.starts_with("https://") {
        endpoint = endpoint.tls_config(tls()).map_err(|error| of_way(&error))?;
    }
    let channel = endpoint.connect().await.map_err(|error| of_way(&error))?;
    let mut request = Request::new(ExportTraceServiceRequest::default());
    add_headers(request.metadata_mut());
    let sent = TraceServiceClient::new(channel).export(request).await;
    sent.map(drop).map_err(|status| of_status(&status))
}

fn of_way(error: &tonic::transport::Error) -> CollectorError {
    Unreached::of(error).map_or(CollectorError::Foreign, CollectorError::Unreached)
}

fn of_status(status: &Status) -> CollectorError {
    match (status.code(), Unreached::of(status)) {
        (Code::Unauthenticated | Code::PermissionDenied, _) => CollectorError::Refused,
        (_, Some(unreached)) => CollectorError::Unreached(unreached),
        _ => CollectorError::Foreign,
    }
}

/// Pairs of the form `name=value`, with commas between them.
fn add_headers(headers: &mut MetadataMap) {
    let text = HEADERS
        .iter()
        .find_map(|name| variable_of_others(name))
        .unwrap_or_default();
    for (name, value) in text.split(',').filter_map(|pair| pair.split_once('=')) {
        let name = MetadataKey::from_bytes(name.trim().to_lowercase().as_bytes());
        let value = percent_decode_str(value.trim()).decode_utf8_lossy().parse();
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
}
