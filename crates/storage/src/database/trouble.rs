//! Why PostgreSQL gives no connection, and whether that passes by itself.

use platform::reach::Unreached;
use sea_orm::SqlxError;

use super::OpenError;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server may be starting.
    Passing(String),
    /// It answers and doesn't let us in.
    Refused(String),
    /// The address, or the way there, must be changed.
    Lasting(String),
}

impl Trouble {
    pub(super) fn of(error: &SqlxError) -> Self {
        if let SqlxError::Database(error) = error {
            let code = error.code().unwrap_or_default();
            let is_passing = ["08", "53", "57P"]
                .iter()
                .any(|class| code.starts_with(class));
            let message = error.message().to_owned();
            return match is_passing {
                true => Self::Passing(message),
                false => Self::Refused(message),
            };
        }
        match Unreached::of(error) {
            Some(untrusted @ Unreached::Untrusted(_)) => Self::Lasting(format!(
                "{untrusted}; name the file of its CA in SSL_CERT_FILE, or with sslrootcert in database.url, and write the \
                 host as the certificate has it"
            )),
            Some(
                unreached @ (Unreached::Plain | Unreached::Distrusts | Unreached::Incompatible),
            ) => Self::Lasting(unreached.to_string()),
            Some(unreached) => Self::Passing(unreached.to_string()),
            None => Self::Lasting(match error {
                SqlxError::Tls(cause) => cause.to_string(),
                SqlxError::Protocol(_) => {
                    "what listens there doesn't answer like PostgreSQL".to_owned()
                }
                error => error.to_string(),
            }),
        }
    }

    /// What a start or a look says of it.
    pub(super) fn at(self, server: String) -> OpenError {
        match self {
            Self::Passing(cause) => OpenError::Unreachable { server, cause },
            Self::Refused(cause) => OpenError::Refused { server, cause },
            Self::Lasting(cause) => OpenError::Unusable { server, cause },
        }
    }
}
