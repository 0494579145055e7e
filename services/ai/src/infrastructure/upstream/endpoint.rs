//! A server's address and the HTTP client for it: no redirects, no proxies, and the keys for this origin alone.

use std::time::Duration;

use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use platform::Clock;
use reqwest::{Client, RequestBuilder, Response, redirect};
use serde_json::Value;
use url::Url;

use super::keys::{Key, Keys, Lease};
use super::{failure, json};
use crate::domain::ProviderError;

/// The largest answer that is read as a whole.
const MAX_ANSWER_BYTES: usize = 32 << 20;
/// As much of a refusal as anything is learned from.
const MAX_WORDS_BYTES: usize = 16 << 10;
/// Folders of versions, which are a part of addresses.
const VERSIONS: &[&str] = &["/v1", "/v2", "/v1beta", "/api"];
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How a server is reached.
#[derive(Debug)]
pub(crate) struct Access<'a> {
    pub(crate) base_url: &'a str,
    pub(crate) connect_timeout: Duration,
    pub(crate) keys: Keys,
    /// The setting that has the address, for messages.
    pub(crate) setting: String,
    pub(crate) clock: Clock,
}

/// Where requests go, and with which keys.
#[derive(Debug)]
pub(crate) struct Endpoint {
    client: Client,
    /// Without a slash at its end.
    base: String,
    host: Option<String>,
    keys: Keys,
    setting: String,
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
            keys: access.keys,
            setting: access.setting,
            clock: access.clock,
        })
    }

    /// The server's name or address.
    pub(crate) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The setting that has the address.
    pub(crate) fn setting(&self) -> &str {
        &self.setting
    }

    /// The keys for the server.
    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Sends a body to a path of the server and takes the head of the answer, which is to be a stream. Has no time limit of its
    /// own.
    pub(super) async fn post(
        &self,
        path: &str,
        body: Vec<u8>,
        key: &Key,
    ) -> Result<Response, ProviderError> {
        // Servers that don't stream may refuse a client that takes events alone.
        let accept = "text/event-stream, application/json;q=0.9";
        self.send(self.posting(path, body, accept), key).await
    }

    /// Sends a body to a path of the server and reads the answer, a JSON document. Has no time limit of its own.
    pub(crate) async fn post_json(
        &self,
        path: &str,
        body: Vec<u8>,
        lease: &Lease<'_>,
    ) -> Result<Value, ProviderError> {
        let key = lease.key();
        let request = self.posting(path, body, "application/json");
        self.document(request, key)
            .await
            .map_err(|refusal| refusal.error)
    }

    /// Reads a JSON document of the server, which says what it has. Such requests count for no limit.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Refusal> {
        let request = self
            .client
            .get(address(&self.base, path))
            .header(ACCEPT, "application/json");
        self.look_up(request).await
    }

    /// Asks the server what it has to say of something, as [`Self::get`].
    pub(crate) async fn ask(&self, path: &str, body: Vec<u8>) -> Result<Value, Refusal> {
        self.look_up(self.posting(path, body, "application/json"))
            .await
    }

    /// What a server refuses, and why. Reads the rest of the answer.
    pub(super) async fn refusal(&self, answer: Response, key: &Key) -> Refusal {
        let (status, headers) = (answer.status(), answer.headers().clone());
        if status.is_redirection() {
            let setting = &self.setting;
            let cause =
                format!("the server redirects to another address: set {setting} to that one");
            return ProviderError::Foreign { cause }.into();
        }
        let body = read_whole(answer).await.unwrap_or_default();
        let error = failure::of_answer(status.as_u16(), &headers, &body, self.clock.now());
        let words = String::from_utf8_lossy(&body[..body.len().min(MAX_WORDS_BYTES)]);
        Refusal {
            error: key.strike_out(error),
            status: Some(status),
            words: words.to_ascii_lowercase(),
        }
    }

    fn posting(&self, path: &str, body: Vec<u8>, accept: &'static str) -> RequestBuilder {
        let request = self
            .client
            .post(address(&self.base, path))
            .header(CONTENT_TYPE, "application/json");
        request.header(ACCEPT, accept).body(body)
    }

    async fn send(&self, request: RequestBuilder, key: &Key) -> Result<Response, ProviderError> {
        let request = request.headers(key.headers().clone());
        request.send().await.map_err(|error| unreachable(&error))
    }

    /// With the first key that isn't refused: one of several may be.
    async fn look_up(&self, request: RequestBuilder) -> Result<Value, Refusal> {
        let cause = "there is no key".to_owned();
        let mut refused = Refusal::from(ProviderError::Account { cause });
        for key in self.keys.iter() {
            let Some(request) = request.try_clone() else {
                break;
            };
            match self.document(request, key).await {
                Err(refusal) if matches!(refusal.error, ProviderError::Account { .. }) => {
                    refused = refusal;
                }
                answer => return answer,
            }
        }
        Err(refused)
    }

    async fn document(&self, request: RequestBuilder, key: &Key) -> Result<Value, Refusal> {
        let answer = self.send(request, key).await?;
        if !answer.status().is_success() {
            return Err(self.refusal(answer, key).await);
        }
        let body = read_whole(answer).await?;
        let document = json::document(&body).ok_or_else(|| {
            let setting = &self.setting;
            let cause = format!(
                "the answer is not JSON: check that {setting} ends with the version, such as `/v1`"
            );
            Refusal::from(ProviderError::Foreign { cause })
        })?;
        match failure::told_by(&document) {
            Some(error) => Err(key.strike_out(error).into()),
            None => Ok(document),
        }
    }
}

/// An address of the server at a base URL. A path is below it, or, where it begins with a slash, beside the version's folder, as
/// llama.cpp's `/props` is beside `/v1`.
pub(crate) fn address(base: &str, path: &str) -> String {
    let base = base.trim_end_matches('/');
    let Some(beside) = path.strip_prefix('/') else {
        return format!("{base}/{path}");
    };
    let mut roots = VERSIONS
        .iter()
        .filter_map(|version| base.strip_suffix(version));
    format!("{}/{beside}", roots.next().unwrap_or(base))
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
