//! The server's address and the HTTP client for it: no redirects, no proxies, and the key for this origin alone.

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response, redirect};
use serde::Deserialize;
use url::Url;

use super::failure;
use crate::config::{ApiKey, OpenAiConfig};
use crate::domain::ProviderError;

/// The largest answer that is read as a whole.
const MAX_ANSWER_BYTES: usize = 8 << 20;
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Where requests go, and with which key.
#[derive(Debug)]
pub(super) struct Endpoint {
    client: Client,
    /// Without a slash at its end.
    base: String,
    host: Option<String>,
    key: ApiKey,
    authorization: Option<HeaderValue>,
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

fn host(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    url.host_str().map(str::to_owned)
}

impl Endpoint {
    pub(super) fn new(config: &OpenAiConfig) -> Result<Self, EndpointError> {
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(config.connect_timeout())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .tcp_nodelay(true);
        if Url::parse(&config.base_url).is_ok_and(|url| url.scheme() == "http") {
            // Without TLS the system's certificates need not be there.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            client: builder.build()?,
            base: config.base_url.trim_end_matches('/').to_owned(),
            host: host(&config.base_url),
            key: config.api_key.clone(),
            authorization: config.api_key.header().transpose()?,
        })
    }

    /// The server's name or address.
    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Sends a body to a path of the server and takes the head of the answer, which is to be a stream of events. Has no time
    /// limit of its own.
    pub(super) async fn post(&self, path: &str, body: Vec<u8>) -> Result<Response, ProviderError> {
        self.send(path, body, "text/event-stream").await
    }

    /// Sends a body to a path of the server and reads the answer, a JSON document. Has no time limit of its own.
    pub(super) async fn post_json(
        &self,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, ProviderError> {
        let answer = self.send(path, body, "application/json").await?;
        if !answer.status().is_success() {
            return Err(self.refusal(answer).await);
        }
        let body = read_whole(answer).await?;
        match error_in(&body) {
            Some(error) => Err(self.strike_out(error)),
            None => Ok(body),
        }
    }

    async fn send(
        &self,
        path: &str,
        body: Vec<u8>,
        accept: &'static str,
    ) -> Result<Response, ProviderError> {
        let mut request = self
            .client
            .post(format!("{}/{path}", self.base))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, accept)
            .body(body);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.send().await.map_err(|error| unreachable(&error))
    }

    /// Reads a JSON document of the server; `path` is relative to the base URL.
    pub(super) async fn get(&self, path: &str) -> Result<serde_json::Value, ProviderError> {
        self.get_url(format!("{}/{path}", self.base)).await
    }

    /// Reads a JSON document beside the version's folder, such as llama.cpp's `/props` beside `/v1`.
    pub(super) async fn get_beside(&self, path: &str) -> Result<serde_json::Value, ProviderError> {
        let root = self.base.strip_suffix("/v1").unwrap_or(&self.base);
        self.get_url(format!("{root}/{path}")).await
    }

    async fn get_url(&self, url: String) -> Result<serde_json::Value, ProviderError> {
        let mut request = self.client.get(url).header(ACCEPT, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let answer = request.send().await.map_err(|error| unreachable(&error))?;
        if !answer.status().is_success() {
            return Err(self.refusal(answer).await);
        }
        let body = read_whole(answer).await?;
        serde_json::from_slice(&body).map_err(|_| ProviderError::Rejected {
            cause:
                "the answer is not JSON: check that ai.openai.base_url ends with the version, such as `/v1`"
                    .to_owned(),
        })
    }

    /// The failure that an answer tells of which is no stream of events.
    pub(super) async fn refusal(&self, answer: Response) -> ProviderError {
        let status = answer.status();
        if status.is_redirection() {
            let cause =
                "the server redirects to another address: set ai.openai.base_url to that one";
            return ProviderError::Rejected {
                cause: cause.to_owned(),
            };
        }
        let headers = answer.headers().clone();
        let body = match read_whole(answer).await {
            Ok(body) => body,
            Err(_) if !status.is_success() => Vec::new(),
            Err(error) => return error,
        };
        if status.is_success() {
            return not_a_stream(&body);
        }
        self.strike_out(failure::of_answer(status.as_u16(), &headers, &body))
    }

    /// The failure without the key, which some servers quote.
    pub(super) fn strike_out(&self, error: ProviderError) -> ProviderError {
        let clean = |cause: String| self.key.strike_out(&cause);
        match error {
            ProviderError::Unavailable { cause } => ProviderError::Unavailable {
                cause: clean(cause),
            },
            ProviderError::Account { cause } => ProviderError::Account {
                cause: clean(cause),
            },
            ProviderError::Rejected { cause } => ProviderError::Rejected {
                cause: clean(cause),
            },
            ProviderError::Interrupted { cause } => ProviderError::Interrupted {
                cause: clean(cause),
            },
            other => other,
        }
    }
}

/// Some servers answer 200 and put the error into the body; others were never meant.
fn not_a_stream(body: &[u8]) -> ProviderError {
    let cause = "the answer is not a stream of events: check that ai.openai.base_url is an OpenAI-compatible server";
    error_in(body).unwrap_or_else(|| ProviderError::Rejected {
        cause: cause.to_owned(),
    })
}

/// The failure that a body with status 200 tells of, if it does.
fn error_in(body: &[u8]) -> Option<ProviderError> {
    #[derive(Deserialize)]
    struct Told {
        error: Option<serde_json::Value>,
    }
    let told: Told = serde_json::from_slice(body).ok()?;
    told.error.as_ref().map(failure::of_event)
}

async fn read_whole(mut answer: Response) -> Result<Vec<u8>, ProviderError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| broken(&e))? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            let cause = format!("the answer is larger than {MAX_ANSWER_BYTES} bytes");
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
