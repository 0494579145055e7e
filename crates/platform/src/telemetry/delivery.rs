//! Whether the collector takes what is sent. Only changes are told: a collector that is away, or that wants another login,
//! stays so for a while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// An exporter whose failures are logged.
#[derive(Debug)]
pub(super) struct Told<E> {
    exporter: E,
    is_failing: AtomicBool,
}

impl<E> Told<E> {
    pub(super) fn new(exporter: E) -> Self {
        Self {
            exporter,
            is_failing: AtomicBool::new(false),
        }
    }
}

impl<E: SpanExporter> SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        let was_failing = self.is_failing.swap(sent.is_err(), Ordering::Relaxed);
        match &sent {
            // The error names the code of the answer and nothing else of it: see opentelemetry-otlp.
            Err(error) if !was_failing => tracing::warn!(
                %error,
                "the collector takes no spans: correct telemetry.otlp, or, where it refuses the login (Unauthenticated, \
                 PermissionDenied), OTEL_EXPORTER_OTLP_HEADERS"
            ),
            Ok(()) if was_failing => tracing::info!("the collector accepts spans again"),
            _ => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
