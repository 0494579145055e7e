//! What is sent, and what comes back.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use crate::error::Refusal;

/// Headers that belong to the connection, or say which host is meant.
const OURS: [HeaderName; 11] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A request to an address that somebody gave us.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) address: String,
    /// Headers besides those of the connection. Those a caller may not set are refused when the request is sent.
    pub headers: HeaderMap,
    /// The body as it is sent.
    pub body: Bytes,
}

impl Request {
    /// Reads what is at an address.
    pub fn get(address: impl Into<String>) -> Self {
        Self::new(Method::GET, address.into(), Bytes::new())
    }

    /// Sends a body to an address.
    pub fn post(address: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new(Method::POST, address.into(), body.into())
    }

    fn new(method: Method, address: String, body: Bytes) -> Self {
        Self {
            method,
            address,
            headers: HeaderMap::new(),
            body,
        }
    }

    pub(crate) fn judge_headers(&self) -> Result<(), Refusal> {
        match self.headers.keys().find(|name| OURS.contains(name)) {
            Some(name) => Err(Refusal::Header(name.clone())),
            None => Ok(()),
        }
    }
}

/// Address, headers and body may all hold secrets.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status: any, a redirect too, which is never followed.
    pub status: StatusCode,
    /// Its headers: a hundred at most. An answer with more, or with more than some 400 KiB of them, breaks off.
    pub headers: HeaderMap,
    /// Its body as it came: whatever `content-encoding` says, nothing was decompressed.
    pub body: Bytes,
}
