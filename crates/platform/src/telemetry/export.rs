//! What goes out besides logs: spans and metrics over OTLP, and metrics for Prometheus to fetch. Where nobody asked for it,
//! spans are nothing and measurements go nowhere.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};
use serde::Deserialize;
use tokio::sync::oneshot;
use tonic::transport::ClientTlsConfig;

use super::process;
use super::spans::Spans;
use crate::config::{Error, ServerUrl, address, trimmed, variable_of_others};

/// The standard variable that names the collector.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// The standard variable that switches everything off.
const DISABLED: &str = "OTEL_SDK_DISABLED";
/// For what is left to send once the process stops.
const FLUSH: Duration = Duration::from_secs(5);

/// Where spans and metrics go. Besides, the standard variables of OpenTelemetry hold: `OTEL_EXPORTER_OTLP_HEADERS`,
/// `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_SCHEDULE_DELAY`, `OTEL_METRIC_EXPORT_INTERVAL` and so on.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExportConfig {
    /// The collector that takes OTLP by gRPC, such as `http://127.0.0.1:4317`. Empty: `OTEL_EXPORTER_OTLP_ENDPOINT`, and
    /// none where that isn't set either.
    #[serde(deserialize_with = "address")]
    pub otlp: String,
    /// Which share of the traces that begin here is sent, from 0 to 1. Those that a caller began are sent if the caller
    /// says so.
    pub sample_ratio: f64,
    /// Where operators find `/metrics`, `/healthz` and `/readyz`, such as `127.0.0.1:9090`. Absent: nowhere.
    pub admin: Option<SocketAddr>,
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self {
            otlp: String::new(),
            sample_ratio: 1.0,
            admin: None,
        }
    }
}

impl ExportConfig {
    /// Refuses what can't work.
    ///
    /// # Errors
    /// Names the key, and what to write instead.
    pub fn validate(&self) -> Result<(), Error> {
        let invalid = |key, problem: &str| Error::Invalid {
            key,
            problem: problem.to_owned(),
        };
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            return Err(invalid(
                "telemetry.sample_ratio",
                "must be from 0 to 1, such as 0.1 for every tenth trace",
            ));
        }
        let Some((key, url)) = self.named_collector() else {
            return Ok(());
        };
        let url = ServerUrl::new(url);
        url.validate(key)?;
        let example = "http://collector.example:4317, where it accepts OTLP over gRPC";
        url.validate_scheme(key, &["http", "https"], example)
    }

    /// The collector, by the configuration or by the variable.
    pub(super) fn collector(&self) -> Option<String> {
        self.named_collector().map(|(_, url)| url)
    }

    /// The collector, and the setting that names it.
    fn named_collector(&self) -> Option<(&'static str, String)> {
        let named = Some(trimmed(&self.otlp)).filter(|url| !url.is_empty());
        let named = named.map(|url| ("telemetry.otlp", url));
        named.or_else(|| variable_of_others(ENDPOINT).map(|url| (ENDPOINT, trimmed(&url))))
    }
}

/// Whether a standard variable says that nothing is to be told.
pub(super) fn is_disabled() -> bool {
    variable_of_others(DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Spans and metrics that can't go where they should.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] Error),
    /// The collector can't be called as it is configured.
    #[error("telemetry.otlp: {0}")]
    Collector(#[from] ExporterBuildError),
    /// Metrics can't be written for Prometheus.
    #[error("metrics can't be collected: {0}")]
    Gather(#[from] OTelSdkError),
}

/// The ways out of a process.
#[derive(Debug, Default)]
#[must_use = "what is left when the process stops is sent by `flush`"]
pub struct Exporting {
    meters: Option<SdkMeterProvider>,
    metrics: Option<Metrics>,
}

/// The metrics of the process, for Prometheus. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics(Registry);

impl Metrics {
    /// The content type of [`Metrics::text`].
    pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

    /// All of them as they are now, in the form that Prometheus fetches.
    ///
    /// # Errors
    /// One of them can't be written in it.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.0.gather())
    }
}

static MEASURING: OnceLock<()> = OnceLock::new();

/// Whether anybody wants measurements. What costs something to measure asks first.
pub fn is_measuring() -> bool {
    MEASURING.get().is_some()
}

/// Opens the ways out that the configuration asks for. To be called once, before anything is built, within the runtime; a
/// collector that is away is waited for in the background. `service` is what the process is called there.
///
/// # Errors
/// The configuration can't be used.
pub fn start(config: &ExportConfig, service: &str) -> Result<Exporting, ExportError> {
    config.validate()?;
    if is_disabled() {
        return Ok(Exporting::default());
    }
    let collector = config.collector();
    if collector.is_none() && config.admin.is_none() {
        return Ok(Exporting::default());
    }
    let resource = resource(service);
    let mut meters = SdkMeterProvider::builder().with_resource(resource.clone());
    let mut metrics = None;
    if config.admin.is_some() {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false);
        meters = meters.with_reader(exporter.build()?);
        metrics = Some(Metrics(registry));
    }
    if let Some(url) = &collector {
        meters = meters.with_periodic_exporter(metric_exporter(url)?);
    }
    let meters = meters.build();
    // Before the spans: how many of them are lost is measured too.
    global::set_meter_provider(meters.clone());
    MEASURING.get_or_init(|| ());
    process::observe();
    if let Some(url) = &collector {
        Spans::start(span_exporter(url)?, &resource, config.sample_ratio);
    }
    Ok(Exporting {
        meters: Some(meters),
        metrics,
    })
}

impl Exporting {
    /// The metrics, where somebody may fetch them.
    pub fn metrics(&self) -> Option<Metrics> {
        self.metrics.clone()
    }

    /// Sends what is left, for some seconds at most. To be called last.
    pub async fn flush(self) {
        let (done, is_done) = oneshot::channel();
        // A thread that is left behind doesn't hold up the end of the process, as a blocking task would.
        std::thread::spawn(move || {
            let spans = Spans::flush(FLUSH);
            let meters = self.meters.map_or(Ok(()), |meters| meters.shutdown());
            let _late = done.send(spans.and(meters));
        });
        match tokio::time::timeout(FLUSH, is_done).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => {
                tracing::warn!(%error, "the last spans or metrics could not be sent");
            }
            _ => tracing::warn!("the last spans or metrics could not be sent in time"),
        }
    }
}

/// What the process is, as every span and metric has it. The standard variables win.
fn resource(service: &str) -> Resource {
    let own = [
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.namespace", "troupe"),
        KeyValue::new("process.pid", i64::from(std::process::id())),
    ];
    let named = Resource::builder_empty()
        .with_attributes(own)
        .with_service_name(service.to_owned());
    let standard = Resource::builder().build();
    let is_named = variable_of_others("OTEL_SERVICE_NAME").is_some()
        || variable_of_others("OTEL_RESOURCE_ATTRIBUTES")
            .is_some_and(|all| all.contains("service.name="));
    let chosen = standard
        .iter()
        .filter(|(key, _)| is_named || key.as_str() != "service.name")
        .map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    named.with_attributes(chosen).build()
}

pub(super) fn tls() -> ClientTlsConfig {
    ClientTlsConfig::new().with_enabled_roots()
}

fn span_exporter(url: &str) -> Result<SpanExporter, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(url);
    match url.starts_with("https://") {
        true => exporter.with_tls_config(tls()).build(),
        false => exporter.build(),
    }
}

fn metric_exporter(url: &str) -> Result<MetricExporter, ExporterBuildError> {
    let exporter = MetricExporter::builder().with_tonic().with_endpoint(url);
    match url.starts_with("https://") {
        true => exporter.with_tls_config(tls()).build(),
        false => exporter.build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_can_not_work() {
        for (otlp, sample_ratio) in [("collector:4317", 1.0), ("", 1.5), ("", -0.1)] {
            let config = ExportConfig {
                otlp: otlp.to_owned(),
                sample_ratio,
                admin: None,
            };
            assert!(config.validate().is_err(), "{otlp} {sample_ratio}");
        }
        ExportConfig::default().validate().unwrap();
    }

    #[test]
    fn a_process_is_called_what_it_is() {
        let resource = resource("troupe-ai");
        let name = resource.get(&"service.name".into());
        assert_eq!(
            name.map(|name| name.to_string()).as_deref(),
            Some("troupe-ai")
        );
    }
}
