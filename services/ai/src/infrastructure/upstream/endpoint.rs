//! A server's address and the HTTP client for it: no redirects, no proxies, and the key for this origin alone.

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use platform::Clock;
use reqwest::{Client, RequestBuilder, Response, redirect};
use serde_json::Value;
use url::Url;

use super::{failure, json};
use crate::config::ApiKey;
use crate::domain::ProviderError;

/// The largest answer that is read as a whole.
const MAX_ANSWER_BYTES: usize = 32 << 20;
/// As much of a refusal as anything is learned from.
const MAX_WORDS_BYTES: usize = 16 << 10;
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How a server is reached.
#[derive(Debug)]
pub(crate) struct Access<'a> {
    pub(crate) base_url: &'a str,
    pub(crate) connect_timeout: Duration,
    /// What is taken out of errors, which may quote it.
    pub(crate) key: &'a ApiKey,
    /// Headers of every request, with the key.
    pub(crate) headers: HeaderMap,
    /// The setting that has the address, for messages.
    pub(crate) setting: &'static str,
    pub(crate) clock: Clock,
}

/// Where requests go, and with which key.
#[derive(Debug)]
pub(crate) struct Endpoint {
    client: Client,
    /// Without a slash at its end.
    base: String,
    host: Option<String>,
    key: ApiKey,
    headers: HeaderMap,
    setting: &'static str,
    clock: Clock,
}

/// A server that can't be called as it is configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndpointError {
    /// The key can't stand in a header.
    #[error("the key for the model server holds characters that a header can't")]
    Key(#[from] http::header::InvalidHeaderValue),
    /// There is no HTTP client.
    #[error("the HTTP client for the model server can't be made")]
    Client(#[from] reqwest::Error),
}

/// A request that was not answered as it should be.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) error: ProviderError,
    /// Absent where no answer came, or where it began as a success.
    pub(crate) status: Option<StatusCode>,
    /// What the server said, in lower case, for those who learn from it.
    pub(crate) words: String,
}

impl From<ProviderError> for Refusal {
    fn from(error: ProviderError) -> Self {
        let words = error.cause().to_ascii_lowercase();
        Self {
            error,
            status: None,
            words,
        }
    }
}

fn host(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    url.host_str().map(str::to_owned)
}

impl Endpoint {
    pub(crate) fn new(access: Access<'_>) -> Result<Self, EndpointError> {
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(access.connect_timeout)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .tcp_nodelay(true);
        if Url::parse(access.base_url).is_ok_and(|url| url.scheme() == "http") {
            // Without TLS the system's certificates need not be there.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            client: builder.build()?,
            base: access.base_url.trim_end_matches('/').to_owned(),
            host: host(access.base_url),
            key: access.key.clone(),
            headers: access.headers,
            setting: access.setting,
            clock: access.clock,
        })
    }

    /// The server's name or address.
    pub(crate) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The setting that has the address.
    pub(crate) fn setting(&self) -> &'static str {
        self.setting
    }

    /// Sends a body to a path of the server and takes the head of the answer, which is to be a stream. Has no time limit of its
    /// own.
    pub(crate) async fn post(&self, path: &str, body: Vec<u8>) -> Result<Response, ProviderError> {
        // Servers that don't stream may refuse a client that takes events alone.
        self.send(self.posting(path, body, "text/event-stream, application/json;q=0.9"))
            .await
    }

    /// Sends a body to a path of the server and reads the answer, a JSON document. Has no time limit of its own.
    pub(crate) async fn post_json(
        &self,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, ProviderError> {
        let answer = self
            .send(self.posting(path, body, "application/json"))
            .await?;
        if !answer.status().is_success() {
            return Err(self.refusal(answer).await.error);
        }
        let body = read_whole(answer).await?;
        match json::parse(&body).as_ref().and_then(failure::told_by) {
            Some(error) => Err(self.strike_out(error)),
            None => Ok(body),
        }
    }

    /// Reads a JSON document of the server; `path` is relative to the base URL.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Refusal> {
        self.get_url(format!("{}/{path}", self.base)).await
    }

    /// Reads a JSON document beside the version's folder, such as llama.cpp's `/props` beside `/v1`.
    pub(crate) async fn get_beside(&self, path: &str) -> Result<Value, Refusal> {
        let root = self.base.strip_suffix("/v1").unwrap_or(&self.base);
        self.get_url(format!("{root}/{path}")).await
    }

    /// What a server refuses, and why. Reads the rest of the answer.
    pub(crate) async fn refusal(&self, answer: Response) -> Refusal {
        let (status, headers) = (answer.status(), answer.headers().clone());
        if status.is_redirection() {
            let setting = self.setting;
            let cause =
                format!("the server redirects to another address: set {setting} to that one");
            return ProviderError::Foreign { cause }.into();
        }
        let body = read_whole(answer).await.unwrap_or_default();
        let error = failure::of_answer(status.as_u16(), &headers, &body, self.clock.now());
        let words = String::from_utf8_lossy(&body[..body.len().min(MAX_WORDS_BYTES)]);
        Refusal {
            error: self.strike_out(error),
            status: Some(status),
            words: words.to_ascii_lowercase(),
        }
    }

    /// The failure without the key, which some servers quote.
    pub(crate) fn strike_out(&self, error: ProviderError) -> ProviderError {
        error.map_cause(|cause| self.key.strike_out(cause))
    }

    fn posting(&self, path: &str, body: Vec<u8>, accept: &'static str) -> RequestBuilder {
        let url = format!("{}/{path}", self.base);
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json");
        request.header(ACCEPT, accept).body(body)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ProviderError> {
        let request = request.headers(self.headers.clone());
        request.send().await.map_err(|error| unreachable(&error))
    }

    async fn get_url(&self, url: String) -> Result<Value, Refusal> {
        let request = self.client.get(url).header(ACCEPT, "application/json");
        let answer = self.send(request).await?;
        if !answer.status().is_success() {
            return Err(self.refusal(answer).await);
        }
        let body = read_whole(answer).await?;
        json::document(&body).ok_or_else(|| {
            let setting = self.setting;
            let cause = format!(
                "the answer is not JSON: check that {setting} ends with the version, such as `/v1`"
            );
            ProviderError::Foreign { cause }.into()
        })
    }
}

async fn read_whole(mut answer: Response) -> Result<Vec<u8>, ProviderError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| broken(&e))? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            let cause = format!("the answer is larger than {} MiB", MAX_ANSWER_BYTES >> 20);
            return Err(ProviderError::Rejected { cause });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A request that got no answer.
fn unreachable(error: &reqwest::Error) -> ProviderError {
    let what = if error.is_connect() {
        "can't connect to the model server"
    } else {
        "the request was cut off"
    };
    ProviderError::Unavailable {
        cause: format!("{what}: {}", root_cause(error)),
    }
}

/// An answer that was cut off.
pub(super) fn broken(error: &reqwest::Error) -> ProviderError {
    ProviderError::Unavailable {
        cause: format!("the answer was cut off: {}", root_cause(error)),
    }
}

/// The innermost error, which names no URL.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    failure::shorten(&cause.to_string())
}
