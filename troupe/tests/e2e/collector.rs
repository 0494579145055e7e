//! A collector that takes what a platform exports by OTLP, and shows it to the test.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::sync::watch::{self, Sender};
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::platform::eventually;

/// Everything that came.
#[derive(Default)]
pub(crate) struct Arrived {
    pub(crate) spans: Vec<Shown>,
    /// The names of metrics.
    pub(crate) metrics: Vec<String>,
    /// All of it as text, to search in.
    pub(crate) text: String,
}

/// A span as the test reads it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) trace_id: String,
    pub(crate) id: String,
    /// Empty at the beginning of a trace.
    pub(crate) parent_id: String,
    /// Of OTLP: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub(crate) kind: i32,
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// The collector. It runs until this is dropped.
pub(crate) struct Collector {
    arrived: Sender<Arrived>,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = watch::channel(Arrived::default()).0;
        let takes = Takes(arrived.clone());
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(takes.clone()))
            .add_service(MetricsServiceServer::new(takes))
            .serve_with_incoming(TcpIncoming::from(listener));
        let serving = platform::Tasks::new().spawn(async move { server.await.unwrap() });
        Self {
            arrived,
            address,
            serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until enough came, and shows it.
    pub(crate) async fn until(&self, what: &str, is_enough: impl Fn(&Arrived) -> bool) {
        let mut arrived = self.arrived.subscribe();
        let enough = arrived.wait_for(is_enough);
        drop(eventually(what, enough).await.unwrap());
    }

    /// The spans of a trace, so far.
    pub(crate) fn trace(&self, id: &str) -> Vec<Shown> {
        let arrived = self.arrived.borrow();
        let spans = arrived.spans.iter().filter(|span| span.trace_id == id);
        spans.cloned().collect()
    }

    /// Everything so far, as text.
    pub(crate) fn text(&self) -> String {
        self.arrived.borrow().text.clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[derive(Clone)]
struct Takes(Sender<Arrived>);

#[tonic::async_trait]
impl TraceService for Takes {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let export = request.into_inner();
        self.0.send_modify(|arrived| {
            arrived.text.push_str(&format!("{export:?}\n"));
            let scopes = export
                .resource_spans
                .into_iter()
                .flat_map(|of| of.scope_spans);
            let spans = scopes.flat_map(|scope| scope.spans);
            arrived.spans.extend(spans.map(Shown::from));
        });
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Takes {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let export = request.into_inner();
        self.0.send_modify(|arrived| {
            arrived.text.push_str(&format!("{export:?}\n"));
            let resources = export.resource_metrics.into_iter();
            let scopes = resources.flat_map(|of| of.scope_metrics);
            let metrics = scopes.flat_map(|scope| scope.metrics);
            arrived.metrics.extend(metrics.map(|metric| metric.name));
        });
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

impl From<Span> for Shown {
    fn from(span: Span) -> Self {
        let attributes = span.attributes.into_iter().map(|attribute| {
            let value = attribute.value.and_then(|value| value.value);
            let text = match value {
                Some(Value::StringValue(text)) => text,
                Some(Value::IntValue(number)) => number.to_string(),
                other => format!("{other:?}"),
            };
            (attribute.key, text)
        });
        Self {
            trace_id: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent_id: hex(&span.parent_span_id),
            kind: span.kind,
            name: span.name,
            attributes: attributes.collect(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
