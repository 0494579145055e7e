//! The client: one request, one connection, one deadline.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use reqwest::{Response, redirect, retry};
use url::Url;

use crate::address::Rules;
use crate::config::Config;
use crate::error::{BuildError, Error, Refusal};
use crate::request::{Answer, Request};
use crate::resolver::{Judging, LookupError, Resolver, SystemResolver};

const USER_AGENT: &str = concat!("troupe/", env!("CARGO_PKG_VERSION"));

/// Calls addresses that people give us. Cheap to share behind an `Arc`; each use with bounds of its own has one of its own.
pub struct Client {
    http: reqwest::Client,
    rules: Arc<Rules>,
    timeout: Duration,
    max_answer_bytes: usize,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client that resolves names as the system does.
    ///
    /// # Errors
    /// Fails if the configuration can't be used, or TLS can't be set up.
    pub fn new(config: &Config) -> Result<Self, BuildError> {
        Self::with_resolver(config, Arc::new(SystemResolver))
    }

    /// A client that resolves names by a resolver of the caller's. Its answers are judged like the system's.
    ///
    /// # Errors
    /// Fails if the configuration can't be used, or TLS can't be set up.
    pub fn with_resolver(config: &Config, resolver: Arc<dyn Resolver>) -> Result<Self, BuildError> {
        config.validate()?;
        let rules = Arc::new(Rules::new(config));
        let judging = Judging {
            resolver,
            rules: Arc::clone(&rules),
        };
        Ok(Self {
            http: http_client(judging).map_err(BuildError::Client)?,
            rules,
            timeout: config.timeout(),
            max_answer_bytes: config.max_answer_bytes,
        })
    }

    /// Reads an address and judges what can be told without resolving its name: to refuse it at once where somebody gives
    /// it. Says nothing about where the name leads, now or later; [`Client::send`] judges that each time.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn check(&self, address: &str) -> Result<Url, Refusal> {
        self.rules.read(address)
    }

    /// Sends a request and reads the whole answer, of any status. Never sends it twice. Dropped, it closes its connection.
    ///
    /// # Errors
    /// Says which rule refuses the request, or what became of it.
    pub async fn send(&self, request: Request) -> Result<Answer, Error> {
        let url = self.rules.read(&request.address)?;
        request.judge_headers()?;
        let mut status = None;
        let exchange = self.exchange(url, request, &mut status);
        let outcome = tokio::time::timeout(self.timeout, exchange).await;
        outcome.unwrap_or_else(|_| {
            Err(Error::TimedOut {
                status,
                within: self.timeout,
            })
        })
    }

    /// Sends and reads without a time limit. Tells the status as soon as it is known.
    async fn exchange(
        &self,
        url: Url,
        request: Request,
        status: &mut Option<StatusCode>,
    ) -> Result<Answer, Error> {
        let sending = self
            .http
            .request(request.method, url)
            .headers(request.headers)
            .body(request.body)
            .send();
        let response = sending.await.map_err(unanswered)?;
        *status = Some(response.status());
        self.read(response).await
    }

    async fn read(&self, mut response: Response) -> Result<Answer, Error> {
        let status = response.status();
        let max_bytes = self.max_answer_bytes;
        let too_large = || Error::TooLarge { status, max_bytes };
        if response
            .content_length()
            .is_some_and(|it| it > max_bytes as u64)
        {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| broken(status, e))? {
            if chunk.len() > max_bytes - body.len() {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            headers: std::mem::take(response.headers_mut()),
            body: body.into(),
        })
    }
}

/// The client under it. Nothing but the rules may say where a request goes, and nothing may change what comes of it.
fn http_client(judging: Judging) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .dns_resolver(judging)
        // The environment's proxies would resolve names themselves.
        .no_proxy()
        .redirect(redirect::Policy::none())
        // Only HTTP/2 has refusals that reqwest tries again by itself; this holds if HTTP/2 is ever switched on.
        .retry(retry::never())
        // A connection serves one request: what was judged for an earlier one says nothing about this one.
        .pool_max_idle_per_host(0)
        // HTTP/2 lets a server send megabytes before anybody reads. Other crates may switch it on.
        .http1_only()
        // Other crates may switch these on too, and a small body could become a large one.
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .build()
}

/// What an error says that came instead of an answer.
fn unanswered(error: reqwest::Error) -> Error {
    let error = error.without_url();
    match lookup_error(&error) {
        Some(LookupError::Refused(refusal)) => Error::Refused(refusal.clone()),
        Some(LookupError::Failed(_) | LookupError::Empty) => Error::Unresolved(error),
        None if error.is_connect() => Error::Unreachable(error),
        None => Error::Broken {
            status: None,
            source: error,
        },
    }
}

fn broken(status: StatusCode, error: reqwest::Error) -> Error {
    Error::Broken {
        status: Some(status),
        source: error.without_url(),
    }
}

/// Our own error among the causes of one of the HTTP client.
fn lookup_error(error: &reqwest::Error) -> Option<&LookupError> {
    let mut cause = error.source();
    while let Some(it) = cause {
        if let Some(found) = it.downcast_ref() {
            return Some(found);
        }
        cause = it.source();
    }
    None
}
