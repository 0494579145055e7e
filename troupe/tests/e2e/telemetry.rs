//! What is seen from outside: traces and metrics at a collector, metrics and probes on the admin port, ids in the log.

use std::net::SocketAddr;
use std::process::Stdio;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use testkit::scripted::{self, Handle, Reply};
use testkit::servers::Nats;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::cards::maren;
use crate::collector::{Arrived, Collector, Shown};
use crate::main_job::does_the_main_job;
use crate::person::{PASSWORD, Person};
use crate::platform::{Platform, Setup, eventually};

const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

/// An environment whose model says what the test wants, with variables of OpenTelemetry that leave nothing to wait for.
async fn observed() -> (Handle, Setup) {
    let model = scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let setup = Setup::new()
        .with("TROUPE__AI__OPENAI__BASE_URL", model.base_url())
        .with("OTEL_BSP_SCHEDULE_DELAY", "50")
        .with("OTEL_METRIC_EXPORT_INTERVAL", "200");
    (model, setup)
}

/// A port that nobody listens on.
async fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

pub(crate) async fn page(admin: SocketAddr, path: &str) -> (u16, String) {
    let http = Client::builder().no_proxy().build().unwrap();
    let answer = http.get(format!("http://{admin}{path}")).send();
    let answer = eventually(path, answer).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Sends a message in a trace of the client's own, and reads the reply to its end.
async fn say_in_trace(person: &Person, session: &str, text: &str, traceparent: &str) -> String {
    let request = person
        .request(Method::POST, &format!("{session}/messages"))
        .json(&json!({"text": text}))
        .header("accept", "text/event-stream")
        .header("traceparent", traceparent);
    let answer = eventually("the reply", request.send()).await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    answer.text().await.unwrap()
}

fn find<'a>(trace: &'a [Shown], kind: i32, name: &str) -> &'a Shown {
    let found = trace
        .iter()
        .find(|span| span.kind == kind && span.name == name);
    found.unwrap_or_else(|| panic!("no span {name} of kind {kind} in {trace:#?}"))
}

fn has_span(arrived: &Arrived, trace_id: &str, kind: i32, name: &str) -> bool {
    let mut spans = arrived.spans.iter();
    spans.any(|span| span.trace_id == trace_id && span.kind == kind && span.name == name)
}

#[tokio::test]
async fn one_trace_goes_from_the_client_through_every_service_to_the_model() {
    follows_one_trace("troupe", None).await;
}

#[tokio::test]
async fn a_trace_goes_through_nats_along_with_events() {
    let nats = Nats::start(None).await.unwrap();
    follows_one_trace("nats", Some(&nats)).await;
}

async fn follows_one_trace(messaging: &str, nats: Option<&Nats>) {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const UNSAMPLED: &str = "1af7651916cd43dd8448eb211c80319c";
    const CALLER: &str = "b7ad6b7169203331";
    let collector = Collector::start().await;
    let (model, setup) = observed().await;
    let nats = nats.map(|nats| nats.url().to_owned()).unwrap_or_default();
    let setup = setup
        .with("TROUPE__TELEMETRY__OTLP", collector.url())
        .with("TROUPE__NATS__URL", nats);
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;

    model.push(Reply::words("Nobody looks."));
    let unsampled = format!("00-{UNSAMPLED}-{CALLER}-00");
    say_in_trace(&ann, &session, "Is anybody there?", &unsampled).await;
    model.push(Reply::words("The zanzibarquux is mine."));
    let sampled = format!("00-{TRACE}-{CALLER}-01");
    let reply = say_in_trace(&ann, &session, "Where is my xylograbbit?", &sampled).await;
    assert!(reply.contains("zanzibarquux"), "{reply}");

    let embed = "troupe.ai.v1.EmbeddingService/Embed";
    let generate = "troupe.ai.v1.InferenceService/Generate";
    let request = "POST /api/v1/roleplay/sessions/{session_id}/messages";
    let written = "process roleplay.message.written";
    let is_complete = |arrived: &Arrived| {
        [(SERVER, request), (SERVER, embed), (CONSUMER, written)]
            .iter()
            .all(|(kind, name)| has_span(arrived, TRACE, *kind, name))
    };
    collector.until("the trace is there", is_complete).await;
    collector
        .until("metrics are there", |arrived| {
            let names = ["rpc.server.duration", "http.server.request.duration"];
            names
                .iter()
                .all(|name| arrived.metrics.iter().any(|metric| metric == name))
        })
        .await;
    assert_eq!(platform.stop().await.code(), Some(0));

    let trace = collector.trace(TRACE);
    let edge = find(&trace, SERVER, request);
    assert_eq!(edge.parent_id, CALLER);
    for span in &trace {
        let is_known = trace.iter().any(|other| other.id == span.parent_id);
        assert!(is_known || span.id == edge.id, "{span:#?} hangs in the air");
    }
    let mut child = edge;
    for (kind, name) in [
        (SERVER, "troupe.roleplay.v1.MessageService/SendMessage"),
        (INTERNAL, "generation"),
        (CLIENT, generate),
        (SERVER, generate),
    ] {
        let span = find(&trace, kind, name);
        assert_eq!(span.parent_id, child.id, "{name} under {}", child.name);
        child = span;
    }
    let provider = trace.iter().find(|span| span.name.starts_with("chat "));
    let provider = provider.expect("the call of the model");
    assert_eq!((provider.kind, &provider.parent_id), (CLIENT, &child.id));
    let sent: Vec<&Shown> = trace.iter().filter(|span| span.kind == PRODUCER).collect();
    let handled = find(&trace, CONSUMER, written);
    assert!(sent.iter().any(|span| span.id == handled.parent_id));

    let attribute = |span: &Shown, name: &str| span.attributes.get(name).cloned();
    for (span, name, value) in [
        (edge, "http.request.method", "POST"),
        (edge, "http.response.status_code", "200"),
        (child, "rpc.system", "grpc"),
        (child, "rpc.service", "troupe.ai.v1.InferenceService"),
        (child, "rpc.method", "Generate"),
        (child, "rpc.grpc.status_code", "0"),
        (child, "troupe.role", "ai"),
        (provider, "gen_ai.operation.name", "chat"),
        (provider, "gen_ai.provider.name", "openai"),
        (provider, "gen_ai.usage.output_tokens", "4"),
        (provider, "server.address", "127.0.0.1"),
        (handled, "messaging.operation.type", "process"),
        (handled, "messaging.system", messaging),
    ] {
        assert_eq!(attribute(span, name).as_deref(), Some(value), "{name}");
    }

    assert!(collector.trace(UNSAMPLED).is_empty());
    let text = collector.text();
    assert!(text.contains("troupe.roleplay.v1"));
    let parts = [
        "xylograbbit",
        "zanzibarquux",
        "anybody there",
        PASSWORD,
        &ann.email,
        ann.token(),
    ];
    for secret in parts {
        assert!(!text.contains(secret), "{secret} was sent");
    }
}

/// The values of a metric, by its labels as they are written.
pub(crate) fn values(text: &str, name: &str) -> Vec<(String, f64)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(name));
    let samples = lines.filter(|rest| rest.starts_with(['{', ' ']));
    let parsed = samples.map(|rest| {
        let (labels, value) = rest.rsplit_once(' ').unwrap();
        (labels.to_owned(), value.parse().unwrap())
    });
    parsed.collect()
}

fn is_measured(text: &str, name: &str, labels: &[&str]) -> bool {
    values(text, name)
        .iter()
        .any(|(has, value)| *value > 0.0 && labels.iter().all(|label| has.contains(label)))
}

#[tokio::test]
async fn prometheus_finds_what_the_platform_does() {
    let (model, setup) = observed().await;
    let admin = free_port().await;
    let setup = setup.with("TROUPE__TELEMETRY__ADMIN", admin.to_string());
    let platform = setup.start().await;
    does_the_main_job(&model, &platform).await;
    let lost = format!("{}/nowhere/at/all", platform.url());
    let http = Client::builder().no_proxy().build().unwrap();
    assert_eq!(http.get(&lost).send().await.unwrap().status(), 404);

    let (status, text) = page(admin, "/metrics").await;
    assert_eq!(status, 200);
    let service = r#"rpc_service="troupe.users.v1.AuthService""#;
    let ai = r#"rpc_service="troupe.ai.v1.InferenceService""#;
    let done = r#"rpc_grpc_status_code="0""#;
    let model_name = r#"gen_ai_provider_name="openai""#;
    for (name, labels) in [
        (
            "rpc_server_duration_seconds_count",
            &[
                service,
                r#"rpc_method="Login""#,
                r#"troupe_role="users""#,
                done,
            ][..],
        ),
        (
            "rpc_client_duration_seconds_count",
            &[
                ai,
                r#"rpc_method="Generate""#,
                r#"troupe_role="roleplay""#,
                done,
            ],
        ),
        (
            "http_server_request_duration_seconds_count",
            &[
                r#"http_route="/api/v1/users/login""#,
                r#"http_response_status_code="200""#,
            ],
        ),
        (
            "http_server_request_duration_seconds_count",
            &[r#"http_route="none""#, r#"http_response_status_code="404""#],
        ),
        ("db_client_connection_max", &[r#"pool_name="users.write""#]),
        (
            "db_client_connection_count",
            &[r#"pool_name="roleplay.read""#],
        ),
        ("troupe_generations_total", &[r#"state="completed""#]),
        (
            "gen_ai_client_token_usage_sum",
            &[model_name, r#"token_type="input""#],
        ),
        (
            "gen_ai_client_token_usage_sum",
            &[model_name, r#"token_type="output""#],
        ),
        (
            "gen_ai_server_time_to_first_token_seconds_count",
            &[model_name],
        ),
        (
            "gen_ai_client_operation_duration_seconds_count",
            &[model_name],
        ),
        ("process_memory_usage_bytes", &[]),
        ("process_cpu_time_seconds_total", &[]),
        ("process_thread_count", &[]),
        ("process_unix_file_descriptor_count", &[]),
        ("target_info", &[r#"service_name="troupe""#]),
    ] {
        assert!(
            is_measured(&text, name, labels),
            "{name} {labels:?} in\n{text}"
        );
    }
    for name in [
        "troupe_outbox_waiting",
        "troupe_dead_letters",
        "troupe_consumer_lag",
    ] {
        assert!(!values(&text, name).is_empty(), "{name} in\n{text}");
    }
    assert!(!text.contains("nowhere"), "a path is nobody's name");
    is_well_formed(&text).await;
}

/// Has Prometheus's own tool read metrics. Of its advice one piece is not for us: that no gauge be called a count, which
/// OpenTelemetry calls several.
async fn is_well_formed(metrics: &str) {
    let mut promtool = Command::new("promtool");
    promtool
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut promtool = promtool
        .spawn()
        .expect("promtool isn't installed: `cargo xtask test` installs what tests need");
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(metrics.as_bytes()).await.unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().await.unwrap();
    let advice = String::from_utf8(output.stderr).unwrap();
    let not_ours: Vec<&str> = advice
        .lines()
        .filter(|line| !line.contains("\"_count\" suffix"))
        .collect();
    assert!(not_ours.is_empty(), "{advice}");
}

#[tokio::test]
async fn probes_are_on_the_admin_port_too() {
    let (_model, setup) = observed().await;
    let admin = free_port().await;
    let setup = setup.with("TROUPE__TELEMETRY__ADMIN", admin.to_string());
    let platform = setup.start().await;
    assert_eq!(page(admin, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(page(admin, "/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(page(admin, "/anything").await.0, 404);
    let public = Client::builder().no_proxy().build().unwrap();
    let public = public.get(format!("{}/metrics", platform.url()));
    assert_eq!(public.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_platform_that_stops_says_that_it_is_not_ready_and_alive() {
    let (model, setup) = observed().await;
    let admin = free_port().await;
    let setup = setup.with("TROUPE__TELEMETRY__ADMIN", admin.to_string());
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words("One two three").hold_after(2));
    let mut reply = ann.say(&session, "Count.").await;
    reply.until(|text| text == "One two").await;
    platform.ask_to_stop();
    let stopping = async {
        while page(admin, "/readyz").await.0 != 503 {
            tokio::task::yield_now().await;
        }
    };
    eventually("it says so", stopping).await;
    assert_eq!(page(admin, "/healthz").await.0, 200);
    model.release();
    assert_eq!(reply.at_end().await.text, "One two three");
    assert_eq!(platform.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_collector_that_does_not_answer_holds_nobody_up_and_what_is_lost_is_counted() {
    // Connections are taken, and nothing is ever read from them.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_model, setup) = observed().await;
    let admin = free_port().await;
    let setup = setup
        .with("TROUPE__TELEMETRY__ADMIN", admin.to_string())
        .with(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://{}", silent.local_addr().unwrap()),
        )
        .with("OTEL_BSP_MAX_QUEUE_SIZE", "8")
        .with("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4");
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let name = "otel_sdk_processor_span_processed_total";
    let losing = async {
        loop {
            ann.get("/api/v1/users/me").await;
            let (_, text) = page(admin, "/metrics").await;
            if is_measured(&text, name, &[r#"error_type="queue_full""#]) {
                return;
            }
        }
    };
    eventually("spans are lost", losing).await;
    assert_eq!(platform.stop().await.code(), Some(0));
}

#[tokio::test]
async fn every_line_of_a_call_has_the_ids_of_its_request_and_its_trace() {
    let (model, setup) = observed().await;
    let setup = setup.with(
        "TROUPE__LOG__LEVEL",
        "info,troupe_mesh=debug,troupe_ai=debug",
    );
    let platform = setup.start().await;
    does_the_main_job(&model, &platform).await;
    for line in of_calls(platform).await {
        let span = &line["span"];
        for id in ["request.id", "trace.id", "span.id"] {
            let is_there = span[id].as_str().is_some_and(|id| !id.is_empty());
            assert!(is_there, "{id} is missing: {line}");
        }
        let names_who = span["role"].is_string() || span["consumer"].is_string();
        assert!(names_who, "whose line is that: {line}");
    }
}

/// The lines that were logged on behalf of somebody.
async fn of_calls(platform: Platform) -> Vec<Value> {
    platform.ask_to_stop();
    let log = platform.log_to_end().await;
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let of_calls: Vec<Value> = lines
        .filter(|line: &Value| line["span"].is_object())
        .collect();
    let kinds = ["request", "call", "generation"];
    for kind in kinds {
        let has_kind = of_calls.iter().any(|line| line["span"]["name"] == kind);
        assert!(has_kind, "no line of a {kind}:\n{log}");
    }
    of_calls
}
