//! OpenAI's API before a scripted ai and roleplay: the form of each request and answer, errors, broken streams, cancels.

mod platform;
mod requests;
mod streams;
mod whole;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use troupe_gateway::{Config, Rate};

use self::platform::Platform;
use crate::echo::Echo;
use crate::harness::{Answer, Edge};
use crate::identity::Issuer;

pub(crate) const CHARACTER: &str = "chr_01h455vb4pex5vsknk084sn02q";
pub(crate) const SESSION: &str = "ses_01h455vb4pex5vsknk084sn02q";

/// A gateway before a scripted platform, and somebody who may call.
pub(crate) struct Facade {
    pub(crate) edge: Edge,
    pub(crate) platform: Platform,
    pub(crate) token: String,
}

impl Facade {
    pub(crate) async fn start() -> Self {
        let mut config = Config::default();
        config.rates.generate = Rate {
            per_second: 1000.0,
            burst: 1000,
        };
        Self::with(config).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let issuer = Issuer::new();
        let platform = Platform::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        platform.clone().serve(listener);
        let channel = wire::remote("platform", address.parse().unwrap());
        let pool = troupe_proto::descriptor_pool();
        let names = pool.services().map(|it| it.full_name().to_owned());
        let channels = names.map(|name| (name, channel.clone())).collect();
        let verifier = Some(issuer.verifier.clone());
        let ready = std::sync::Arc::new(|| Ok(()));
        let gateway = troupe_gateway::build(&config, pool, channels, verifier, ready, None);
        let edge = Edge::serve(gateway.unwrap(), Echo::default()).await;
        Self {
            edge,
            platform,
            token: issuer.token('q', false),
        }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, body, &[]).await
    }

    pub(crate) async fn post_with(
        &self,
        path: &str,
        body: &Value,
        more: &[(&str, &str)],
    ) -> Answer {
        let mut headers = vec![
            ("authorization", &*self.token),
            ("content-type", "application/json"),
            ("accept", "application/json"),
        ];
        headers.extend(more);
        self.edge
            .send("POST", path, &headers, body.to_string())
            .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let headers = [("authorization", &*self.token)];
        self.edge.send("GET", path, &headers, "").await
    }
}

/// A chat with one message.
pub(crate) fn chat(model: &str, text: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": text }] })
}

/// The same, of which the answer is a stream.
pub(crate) fn streamed(mut request: Value) -> Value {
    request["stream"] = true.into();
    request
}

/// The status and the code of an error that has the four members, and no others.
pub(crate) fn error(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), "application/json");
    (answer.status.as_u16(), code(&answer.json()))
}

/// The code of an error.
pub(crate) fn code(told: &Value) -> String {
    let error = &told["error"];
    let mut members: Vec<&String> = error.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["code", "message", "param", "type"], "{error}");
    assert!(!error["message"].as_str().unwrap().is_empty());
    error["code"].as_str().unwrap_or("null").to_owned()
}

/// The data of a stream's events, heartbeats aside.
pub(crate) fn events(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let text = answer.text();
    let blocks = text.split("\n\n");
    let data =
        blocks.filter_map(|block| block.lines().find_map(|line| line.strip_prefix("data: ")));
    data.map(str::to_owned).collect()
}
