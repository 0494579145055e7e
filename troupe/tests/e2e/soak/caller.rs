//! Calls by JSON that may be refused or fail: a soak counts that and goes on.

use std::time::Duration;

use futures::StreamExt;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;

/// No call takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a visit ended early.
#[derive(Debug)]
pub(super) enum Fault {
    /// The platform had too much to do, and said so.
    Refused,
    /// Anything else, said for people.
    Failed(String),
}

impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        Self::Failed(format!("{error:?}"))
    }
}

/// Calls one platform for many people, over connections that are kept.
pub(super) struct Caller {
    http: Client,
    pub(super) url: String,
}

/// What was seen of a reply.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) generation_id: String,
    pub(super) message_id: String,
    /// Bytes of text, which is where to go on.
    pub(super) next_offset: usize,
    pub(super) has_ended: bool,
}

impl Caller {
    pub(super) fn new(url: &str) -> Self {
        let http = Client::builder().no_proxy().timeout(PATIENCE);
        Self {
            http: http.build().unwrap(),
            url: url.to_owned(),
        }
    }

    fn request(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match token {
            "" => request,
            token => request.bearer_auth(token),
        }
    }

    /// Calls a method with JSON, or with nothing.
    pub(super) async fn call(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, Fault> {
        let mut request = self.request(token, method, path);
        if !body.is_null() {
            request = request.json(body);
        }
        Ok(good(path, request.send().await?).await?.json().await?)
    }

    pub(super) async fn get(&self, token: &str, path: &str) -> Result<Value, Fault> {
        self.call(token, Method::GET, path, &Value::Null).await
    }

    /// Reads what isn't JSON, such as a picture.
    pub(super) async fn get_file(&self, token: &str, path: &str) -> Result<usize, Fault> {
        let answer = self.request(token, Method::GET, path).send().await?;
        Ok(good(path, answer).await?.bytes().await?.len())
    }

    pub(super) async fn upload(
        &self,
        token: &str,
        path: &str,
        file: Vec<u8>,
    ) -> Result<Value, Fault> {
        let request = self.request(token, Method::POST, path);
        let request = request.header("content-type", "application/octet-stream");
        let answer = request.body(file).send().await?;
        Ok(good(path, answer).await?.json().await?)
    }

    /// Watches a reply until it ends, or until so many bytes of text have come; then the connection is dropped.
    pub(super) async fn watch(
        &self,
        token: &str,
        (method, path): (Method, &str),
        body: &Value,
        enough: usize,
    ) -> Result<Seen, Fault> {
        let mut request = self.request(token, method, path);
        request = request.header("accept", "text/event-stream");
        if !body.is_null() {
            request = request.json(body);
        }
        let mut parts = good(path, request.send().await?).await?.bytes_stream();
        let (mut seen, mut unread) = (Seen::default(), Vec::new());
        while let Some(part) = parts.next().await {
            unread.extend_from_slice(&part?);
            while let Some(end) = unread.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = unread.drain(..end + 2).collect();
                seen.take(&String::from_utf8_lossy(&block))?;
            }
            if seen.has_ended || seen.next_offset >= enough {
                return Ok(seen);
            }
        }
        Err(Fault::Failed(format!("{path}: the stream broke: {seen:?}")))
    }
}

impl Seen {
    fn take(&mut self, block: &str) -> Result<(), Fault> {
        if block.contains("event: failure") {
            return Err(Fault::Failed(block.to_owned()));
        }
        let Some(data) = block.lines().find_map(|line| line.strip_prefix("data: ")) else {
            return Ok(());
        };
        let event: Value =
            serde_json::from_str(data).map_err(|error| Fault::Failed(error.to_string()))?;
        if event["started"].is_object() {
            self.generation_id = text(&event["started"]["generation"]["id"]);
            self.message_id = text(&event["started"]["message"]["id"]);
        }
        if let Some(delta) = event["delta"]["text"].as_str() {
            self.next_offset += delta.len();
        }
        self.has_ended |= event["ended"].is_object();
        Ok(())
    }
}

/// A text in an answer; empty where there is none.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

async fn good(path: &str, answer: reqwest::Response) -> Result<reqwest::Response, Fault> {
    match answer.status() {
        status if status.is_success() => Ok(answer),
        StatusCode::TOO_MANY_REQUESTS => Err(Fault::Refused),
        status => {
            let text = answer.text().await.unwrap_or_default();
            Err(Fault::Failed(format!("{path}: {status} {text}")))
        }
    }
}
