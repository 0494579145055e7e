//! What can go wrong, and what the caller is told.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use platform::id::LoginSessionId;
use sea_orm::DbErr;
use storage::database::Fault;
use tonic::Status;
use troupe_proto::{Class, Classify, Reason};

use crate::domain::password::Weakness;
use crate::domain::profile::Refused;
use crate::domain::text::Unsuitable;
use crate::infrastructure::hash_pool::HashError;

const INTERRUPTED_RETRY: Duration = Duration::from_secs(1);

/// An error of the users service. Cloned where several calls share one piece of work.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    #[error("this password {0}: choose another")]
    PasswordWeak(Weakness),
    #[error("{field} {reason}")]
    Text {
        field: &'static str,
        reason: Unsuitable,
    },
    #[error("{}", profile_message(.0))]
    Profile(Refused),
    #[error("e-mail address and password don't belong together")]
    CredentialsInvalid,
    #[error("too many logins have failed or are being checked: wait before you try again")]
    LoginBackoff { wait: Duration },
    #[error("the refresh token is unknown, expired, revoked or was used before: log in again")]
    RefreshTokenInvalid,
    #[error(
        "the refresh token was exchanged a moment ago, and the pair that took its place is in use: go on with that one; where it is in a cookie, call again"
    )]
    RefreshTokenSuperseded,
    #[error(
        "only a page of the gateway's own site, by HTTPS or at this machine, can keep its refresh token in a cookie: call the gateway by the host name that the page has (`localhost` and `127.0.0.1` are two), or keep the refresh token without the cookie"
    )]
    CookieRefused,
    #[error("there is no login session {0} of yours")]
    LoginSessionNotFound(LoginSessionId),
    #[error("the account of this access token doesn't exist")]
    AccountGone,
    #[error(transparent)]
    Hashing(#[from] HashError),
    #[error("signing an access token failed: {0}")]
    Signing(Arc<jsonwebtoken::errors::Error>),
    #[error("the work was interrupted: try again")]
    Interrupted,
    #[error(transparent)]
    Storage(Fault),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::PasswordWeak(weakness) => {
                let reason = match weakness {
                    Weakness::Common => Reason::PasswordCommon,
                    _ => Reason::PasswordGuessable,
                };
                Class::new(reason).violation("password", weakness.to_string())
            }
            Self::Text { field, reason } => invalid(*field, reason),
            Self::Profile(refused) => invalid(profile_field(refused), refused),
            Self::CredentialsInvalid => Class::new(Reason::CredentialsInvalid),
            Self::RefreshTokenInvalid => Class::new(Reason::RefreshTokenInvalid),
            Self::RefreshTokenSuperseded => Class::new(Reason::TokenSuperseded),
            Self::CookieRefused => Class::new(Reason::CookieRefused),
            Self::AccountGone => Class::new(Reason::TokenInvalid),
            Self::LoginBackoff { wait } => Class::new(Reason::LoginBackoff).retry_after(*wait),
            Self::Hashing(HashError::Full { retry_after } | HashError::Late { retry_after }) => {
                Class::new(Reason::Overloaded).retry_after(*retry_after)
            }
            Self::LoginSessionNotFound(_) => Class::new(Reason::NotFound),
            Self::Interrupted => Class::new(Reason::Unavailable).retry_after(INTERRUPTED_RETRY),
            Self::Storage(fault) => fault.class(),
            Self::Hashing(HashError::Broken(_)) | Self::Signing(_) => Class::internal(),
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Storage(error.into())
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        service::answer(&error)
    }
}

fn invalid(field: impl Into<String>, problem: &dyn Display) -> Class {
    Class::new(Reason::InvalidRequest).violation(field, problem.to_string())
}

fn profile_field(refused: &Refused) -> String {
    format!("profile.{}", refused.field.path())
}

fn profile_message(refused: &Refused) -> String {
    format!("{} {refused}", profile_field(refused))
}
