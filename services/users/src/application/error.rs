//! What can go wrong, and what the caller is told.

use std::sync::Arc;
use std::time::Duration;

use platform::id::LoginSessionId;
use sea_orm::DbErr;
use storage::database::Outage;
use tonic_types::FieldViolation;
use troupe_proto::{Classify, Code, Reason, error};

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
    #[error("too many logins failed: wait before you try again")]
    LoginBackoff { wait: Duration },
    #[error("the refresh token is unknown, expired, revoked or was used before: log in again")]
    RefreshTokenInvalid,
    #[error(
        "the refresh token was exchanged a moment ago, and the pair that took its place is in use: go on with that one"
    )]
    RefreshTokenSuperseded,
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
    #[error("storage failed: {0}")]
    Storage(#[from] DbErr),
}

impl Error {
    fn outage(&self) -> Option<Outage> {
        match self {
            Self::Storage(error) => Outage::of(error),
            _ => None,
        }
    }
}

impl Classify for Error {
    fn code(&self) -> Code {
        match self {
            Self::PasswordWeak(_) | Self::Text { .. } | Self::Profile(_) => Code::InvalidArgument,
            Self::CredentialsInvalid
            | Self::RefreshTokenInvalid
            | Self::RefreshTokenSuperseded
            | Self::AccountGone => Code::Unauthenticated,
            Self::LoginBackoff { .. } | Self::Hashing(HashError::Full { .. }) => {
                Code::ResourceExhausted
            }
            Self::LoginSessionNotFound(_) => Code::NotFound,
            Self::Interrupted => Code::Unavailable,
            Self::Storage(_) if self.outage() == Some(Outage::Busy) => Code::ResourceExhausted,
            Self::Storage(_) if self.outage().is_some() => Code::Unavailable,
            Self::Storage(_) | Self::Signing(_) | Self::Hashing(HashError::Broken(_)) => {
                Code::Internal
            }
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::PasswordWeak(Weakness::Common) => Reason::PasswordCommon,
            Self::PasswordWeak(_) => Reason::PasswordGuessable,
            Self::Text { .. } | Self::Profile(_) => Reason::InvalidRequest,
            Self::CredentialsInvalid => Reason::CredentialsInvalid,
            Self::RefreshTokenInvalid => Reason::RefreshTokenInvalid,
            Self::RefreshTokenSuperseded => Reason::TokenSuperseded,
            Self::AccountGone => Reason::TokenInvalid,
            Self::LoginBackoff { .. } => Reason::LoginBackoff,
            Self::Hashing(HashError::Full { .. }) => Reason::Overloaded,
            Self::LoginSessionNotFound(_) => Reason::NotFound,
            Self::Interrupted => Reason::Unavailable,
            Self::Storage(_) if self.outage() == Some(Outage::Busy) => Reason::Overloaded,
            Self::Storage(_) if self.outage().is_some() => Reason::Unavailable,
            Self::Storage(_) | Self::Signing(_) | Self::Hashing(HashError::Broken(_)) => {
                Reason::Internal
            }
        }
    }

    fn public_message(&self) -> String {
        if let Some(outage) = self.outage() {
            return outage.to_string();
        }
        match self.code() {
            Code::Unavailable => "the service can't do this right now: try again".to_owned(),
            _ => error::explained(self),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::LoginBackoff { wait } => Some(*wait),
            Self::Hashing(HashError::Full { retry_after }) => Some(*retry_after),
            Self::Interrupted => Some(INTERRUPTED_RETRY),
            _ => self.outage().map(|_| Outage::RETRY_AFTER),
        }
    }

    fn violations(&self) -> Vec<FieldViolation> {
        match self {
            Self::PasswordWeak(weakness) => {
                vec![FieldViolation::new("password", weakness.to_string())]
            }
            Self::Text { field, reason } => {
                vec![FieldViolation::new(*field, reason.to_string())]
            }
            Self::Profile(refused) => {
                vec![FieldViolation::new(
                    profile_field(refused),
                    refused.to_string(),
                )]
            }
            _ => Vec::new(),
        }
    }
}

fn profile_field(refused: &Refused) -> String {
    match refused {
        Refused::Path { .. } => "update_mask".to_owned(),
        Refused::Value { field, .. } => format!("profile.{}", field.path()),
    }
}

fn profile_message(refused: &Refused) -> String {
    format!("{} {refused}", profile_field(refused))
}
