//! Why an address wasn't called, or gave no answer.

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderName, StatusCode};

use crate::config::ConfigError;
use crate::reserved::Reserved;

/// A rule that a request breaks. Nothing was connected.
///
/// The texts are for logs and operators: what a name resolves to isn't for everybody who may write it into an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no URL, or its host is no name and no address.
    #[error("the address can't be read")]
    Unreadable(#[source] url::ParseError),
    /// It is longer than addresses are.
    #[error("the address is longer than {max_bytes} bytes")]
    TooLong {
        /// The most bytes that it may have.
        max_bytes: usize,
    },
    /// It is neither `https` nor, where that is configured, `http`.
    #[error("the scheme `{0}` isn't allowed")]
    Scheme(String),
    /// It holds a user name or a password, which people mistake for the host, and which we would send.
    #[error("the address holds a user name or a password")]
    Credentials,
    /// Its port isn't among those that are configured.
    #[error("port {0} isn't allowed")]
    Port(u16),
    /// Its host is an address of a reserved network.
    #[error("{address} isn't public: it is in {reserved}")]
    Address {
        /// The host, as it was understood.
        address: IpAddr,
        /// The network.
        reserved: Reserved,
    },
    /// Its host is a name of which at least one answer is in a reserved network.
    #[error("`{name}` isn't public: it resolves to {address}, which is in {reserved}")]
    Name {
        /// The host.
        name: String,
        /// The first answer that is refused.
        address: IpAddr,
        /// The network.
        reserved: Reserved,
    },
    /// The request has a header that belongs to the connection, or says which host is meant.
    #[error("the header `{0}` isn't the sender's to set")]
    Header(HeaderName),
}

/// A request without an answer that could be read to its end.
///
/// No text holds the address: its path and query may be secrets.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule refuses it. Trying again is of use only for a name that resolves to something else by then.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The name resolves to nothing, or can't be resolved at present.
    #[error("the name can't be resolved")]
    Unresolved(#[source] reqwest::Error),
    /// No connection was made: nobody listens, or whoever does has no certificate for the name.
    #[error("can't connect")]
    Unreachable(#[source] reqwest::Error),
    /// The connection broke, or what came isn't HTTP.
    #[error("the exchange broke off")]
    Broken {
        /// The answer's status, if its head had come.
        status: Option<StatusCode>,
        /// What broke.
        #[source]
        source: reqwest::Error,
    },
    /// The answer wasn't there as a whole in time.
    #[error("no whole answer within {within:?}")]
    TimedOut {
        /// The answer's status, if its head had come.
        status: Option<StatusCode>,
        /// The time that there was.
        within: Duration,
    },
    /// The answer's body is larger than it may be. The rest of it wasn't read.
    #[error("the answer is larger than {max_bytes} bytes")]
    TooLarge {
        /// The answer's status.
        status: StatusCode,
        /// The most bytes that it may have.
        max_bytes: usize,
    },
}

impl Error {
    /// The status of the answer, if its head had come. A 2xx says that the request was taken, whatever became of the body.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Broken { status, .. } | Self::TimedOut { status, .. } => *status,
            Self::TooLarge { status, .. } => Some(*status),
            Self::Refused(_) | Self::Unresolved(_) | Self::Unreachable(_) => None,
        }
    }
}

/// A client that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A value of the configuration can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// TLS can't be set up, such as where the system has no certificates.
    #[error("the HTTP client for people's addresses can't be made")]
    Client(#[source] reqwest::Error),
}
