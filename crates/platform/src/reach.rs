//! Why a server can't be reached, in words for people: what libraries say of it is for programmers, and partly debug text.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter::successors;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::error::Elapsed;

/// Why a server can't be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreached {
    /// Its port is closed.
    #[error("nothing listens there")]
    Closed,
    /// Nothing came back in time.
    #[error("nothing answers in time")]
    Silent,
    /// It ended the connection without a word.
    #[error("it closes the connection")]
    HungUp,
    /// Its certificate is none that the system's roots vouch for.
    #[error("its certificate isn't trusted: {0}")]
    Untrusted(String),
    /// It wants another certificate of us, or one at all.
    #[error("it doesn't accept our certificate")]
    Distrusts,
    /// It answers something else.
    #[error("it doesn't speak TLS there")]
    Plain,
    /// There is no version or cipher that suits both.
    #[error("it and Troupe support no common version of TLS")]
    Incompatible,
    /// What the system says.
    #[error("{0}")]
    Failed(String),
}

impl Unreached {
    /// What an error tells of the way to a server; `None` if nothing.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut of_system = None;
        for cause in causes(error) {
            if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
                return Some(Self::of_tls(tls));
            }
            if cause.is::<Elapsed>() {
                return Some(Self::Silent);
            }
            let Some(io) = cause.downcast_ref::<io::Error>() else {
                continue;
            };
            match io.kind() {
                ErrorKind::ConnectionRefused => return Some(Self::Closed),
                ErrorKind::TimedOut => return Some(Self::Silent),
                ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof => return Some(Self::HungUp),
                // Of those who wrap something that says more.
                ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::Other => {}
                // Such as a host whose name nobody knows.
                _ => of_system = Some(Self::Failed(io.to_string())),
            }
        }
        of_system
    }

    fn of_tls(error: &rustls::Error) -> Self {
        use rustls::Error::{
            AlertReceived, InappropriateHandshakeMessage, InappropriateMessage, InconsistentKeys,
            InvalidCertificate, InvalidMessage, PeerIncompatible,
        };
        match error {
            InvalidCertificate(problem) => Self::Untrusted(problem_of(problem)),
            InvalidMessage(_)
            | InappropriateMessage { .. }
            | InappropriateHandshakeMessage { .. } => Self::Plain,
            AlertReceived(alert) if is_about_certificates(*alert) => Self::Distrusts,
            AlertReceived(_) | PeerIncompatible(_) => Self::Incompatible,
            InconsistentKeys(_) => Self::Failed("the key isn't that of the certificate".to_owned()),
            _ => Self::Failed("TLS can't be started".to_owned()),
        }
    }

    /// What to do, where that is the same for every server.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Untrusted(_) => Some(
                "name the file of its CA in SSL_CERT_FILE, and write the host as its certificate has it",
            ),
            Self::Plain => Some("write the address without TLS, or the port where it speaks TLS"),
            _ => None,
        }
    }
}

/// Connects, to find out whether something listens at an address.
///
/// # Errors
/// Says why there is no connection.
pub async fn connect(
    address: impl ToSocketAddrs,
    patience: Duration,
) -> Result<TcpStream, Unreached> {
    let connecting = tokio::time::timeout(patience, TcpStream::connect(address)).await;
    let connected = connecting.map_err(|_| Unreached::Silent)?;
    connected.map_err(|error| Unreached::of(&error).unwrap_or(Unreached::HungUp))
}

/// An error with all that lies behind it, also what the standard library's errors don't call their source.
pub fn causes<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    successors(Some(error), |&error| {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    })
}

fn problem_of(problem: &CertificateError) -> String {
    use CertificateError::{
        BadEncoding, Expired, ExpiredContext, InvalidPurpose, InvalidPurposeContext,
        NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext, Other, Revoked,
        UnknownIssuer,
    };
    let text = match problem {
        NotValidForNameContext { expected, .. } => {
            return format!("it isn't valid for {}", expected.to_str());
        }
        UnknownIssuer => "its issuer isn't known here",
        NotValidForName => "it isn't valid for this host",
        Expired | ExpiredContext { .. } => "it has expired",
        NotValidYet | NotValidYetContext { .. } => "it isn't valid yet",
        Revoked => "it is revoked",
        InvalidPurpose | InvalidPurposeContext { .. } => "it isn't a certificate for servers",
        Other(_) => {
            "it can't be verified; perhaps it belongs to an authority itself, and the authority didn't issue it for a server"
        }
        BadEncoding => "it can't be read",
        _ => "it can't be verified",
    };
    text.to_owned()
}

fn is_about_certificates(alert: AlertDescription) -> bool {
    use AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
        CertificateUnknown, NoCertificate, UnknownCA, UnsupportedCertificate,
    };
    matches!(
        alert,
        AccessDenied
            | BadCertificate
            | CertificateExpired
            | CertificateRequired
            | CertificateRevoked
            | CertificateUnknown
            | NoCertificate
            | UnknownCA
            | UnsupportedCertificate
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: impl Error + 'static) -> Option<Unreached> {
        Unreached::of(&error)
    }

    #[test]
    fn finds_the_cause_wherever_it_is() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] io::Error);

        let untrusted = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let within = io::Error::new(ErrorKind::InvalidData, untrusted);
        let twice = io::Error::other(Outer(within));
        let found = of(Outer(twice)).unwrap();
        assert!(matches!(found, Unreached::Untrusted(_)), "{found:?}");
        assert!(found.advice().unwrap().contains("SSL_CERT_FILE"));
        let closed = Outer(ErrorKind::ConnectionRefused.into());
        assert_eq!(of(closed), Some(Unreached::Closed));
        assert_eq!(of(std::fmt::Error), None);
    }

    #[test]
    fn says_what_the_system_says_of_a_host_that_nobody_knows() {
        use std::net::ToSocketAddrs;

        let unknown = ("no host", 1).to_socket_addrs().unwrap_err();
        let found = of(unknown).unwrap().to_string();
        assert!(found.contains("lookup"), "{found}");
        assert_eq!(of(io::Error::other("what a library says")), None);
    }

    #[test]
    fn shows_no_debug_text() {
        use rustls::{Error, InvalidMessage, PeerIncompatible};
        for error in [
            Error::InvalidCertificate(CertificateError::UnhandledCriticalExtension),
            Error::InvalidMessage(InvalidMessage::InvalidContentType),
            Error::AlertReceived(AlertDescription::UnknownCA),
            Error::AlertReceived(AlertDescription::HandshakeFailure),
            Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
        ] {
            let text = of(error).unwrap().to_string();
            let mut letters = text.chars().zip(text.chars().skip(1));
            let is_debug = letters.any(|(one, next)| one.is_lowercase() && next.is_uppercase());
            assert!(!is_debug, "{text}");
        }
    }
}
