//! Starts a gateway, and sends it requests.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mesh::Verifier;
use prost_reflect::DescriptorPool;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use troupe_gateway::{Config, Gateway};

use crate::echo::Echo;

/// A gateway before an echo service.
pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    pub(crate) echo: Echo,
    pub(crate) shutdown: CancellationToken,
    /// Gives whether all calls ended in time.
    pub(crate) served: JoinHandle<bool>,
}

/// Sends bytes over a connection of its own, and reads until the gateway closes it.
pub(crate) async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) fn pool() -> DescriptorPool {
    let root = env!("CARGO_MANIFEST_DIR");
    let includes = [
        format!("{root}/tests/it"),
        format!("{root}/../proto/third_party"),
    ];
    let mut compiler = protox::Compiler::new(includes).unwrap();
    compiler
        .include_imports(true)
        .open_file("echo.proto")
        .unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

/// Asks until a condition holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let polling = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), polling)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within a minute"));
}

impl Edge {
    /// A gateway that leaves fields out which hold their default, so that tests compare what they are about.
    pub(crate) async fn start() -> Self {
        let mut config = Config::default();
        config.json.print_defaults = false;
        Self::with(config).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        Self::before(&pool(), &["echo.v1.EchoService"], config, None).await
    }

    /// A gateway for the services of these names in `pool`, all of which the echo service plays.
    pub(crate) async fn before(
        pool: &DescriptorPool,
        services: &[&str],
        config: Config,
        verifier: Option<Verifier>,
    ) -> Self {
        let (gateway, echo) = Self::build(pool, services, config, verifier).await;
        Self::serve(gateway, echo).await
    }

    /// The same, by HTTPS.
    pub(crate) async fn with_tls(config: Config, tls: rustls::ServerConfig) -> Self {
        let services = &["echo.v1.EchoService"];
        let (gateway, echo) = Self::build(&pool(), services, config, None).await;
        Self::serve(gateway.with_tls(tls), echo).await
    }

    async fn build(
        pool: &DescriptorPool,
        services: &[&str],
        config: Config,
        verifier: Option<Verifier>,
    ) -> (Gateway, Echo) {
        let echo = Echo::default();
        let channel = wire::remote("echo", echo.start().await);
        let channels: HashMap<_, _> = services
            .iter()
            .map(|name| ((*name).to_owned(), channel.clone()))
            .collect();
        let gateway =
            troupe_gateway::build(&config, pool, channels, verifier, Arc::new(|| Ok(())), None)
                .unwrap();
        (gateway, echo)
    }

    /// A gateway for the echo service at an address, where nothing needs to listen.
    pub(crate) async fn before_address(address: SocketAddr) -> Self {
        let config = Config {
            upstreams: vec![format!("echo.v1.EchoService=http://{address}")],
            ..Config::default()
        };
        let (mut pool, mut channels) = (pool(), HashMap::new());
        troupe_gateway::mount(&config, &mut pool, &mut channels, wire::remote).unwrap();
        let gateway =
            troupe_gateway::build(&config, &pool, channels, None, Arc::new(|| Ok(())), None)
                .unwrap();
        Self::serve(gateway, Echo::default()).await
    }

    pub(crate) async fn serve(gateway: Gateway, echo: Echo) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let served = platform::Tasks::new().spawn(gateway.serve(listener, shutdown.clone()));
        Self {
            address,
            echo,
            shutdown,
            served,
        }
    }

    /// A connection of HTTP/2 of its own.
    pub(crate) async fn http2<B>(&self) -> hyper::client::conn::http2::SendRequest<B>
    where
        B: http_body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + Unpin + 'static,
    {
        let socket = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(socket);
        let executor = hyper_util::rt::TokioExecutor::new();
        let handshake = hyper::client::conn::http2::handshake(executor, io).await;
        let (sender, connection) = handshake.unwrap();
        platform::Tasks::new().spawn(connection);
        sender
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send("GET", target, &[], "").await
    }

    pub(crate) async fn post(&self, target: &str, body: impl Into<Bytes>) -> Answer {
        self.send(
            "POST",
            target,
            &[("content-type", "application/json")],
            body,
        )
        .await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{target}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        let (parts, body) = client.request(request).await.unwrap().into_parts();
        // A body that breaks off is told apart by what it has said until then.
        let mut body = body;
        let mut read = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            read.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
        }
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: read.into(),
        }
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The JSON, of an answer that succeeded.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        self.json()
    }

    /// The HTTP status and the code of `google.rpc.Status`.
    pub(crate) fn error(&self) -> (u16, i64) {
        assert_eq!(self.header("content-type"), "application/json");
        (self.status.as_u16(), self.json()["code"].as_i64().unwrap())
    }
}
