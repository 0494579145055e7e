//! How calls of the service fail.

use std::collections::HashMap;
use std::time::Duration;

use sea_orm::DbErr;
use storage::database::Outage;
use troupe_proto::{Classify, Code, Reason, error};

use crate::domain::{Form, ProviderError};

/// A call that can't be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No model has the id.
    #[error("there is no model {0:?}: `GET /api/v1/ai/models` lists those there are")]
    ModelUnknown(String),
    /// No model was named, and there is no default one (yet).
    #[error("no model can be used yet: {0}")]
    NoModel(String),
    /// The prompt has not the form that the model takes.
    #[error("the model {model_id} takes prompts in the form {wanted:?}: send that one")]
    WrongForm { model_id: String, wanted: Form },
    /// The provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The ledger can't be read.
    #[error("the ledger of usage can't be read")]
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
            Self::ModelUnknown(_) => Code::NotFound,
            Self::NoModel(_) => Code::Unavailable,
            Self::WrongForm { .. } => Code::InvalidArgument,
            Self::Provider(error) => error.code(),
            Self::Storage(_) if self.outage() == Some(Outage::Busy) => Code::ResourceExhausted,
            Self::Storage(_) if self.outage().is_some() => Code::Unavailable,
            Self::Storage(_) => Code::Internal,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::ModelUnknown(_) => Reason::ModelUnknown,
            Self::NoModel(_) => Reason::ProviderUnavailable,
            Self::WrongForm { .. } => Reason::InvalidRequest,
            Self::Provider(error) => error.reason(),
            Self::Storage(_) if self.outage() == Some(Outage::Busy) => Reason::Overloaded,
            Self::Storage(_) if self.outage().is_some() => Reason::Unavailable,
            Self::Storage(_) => Reason::Internal,
        }
    }

    fn public_message(&self) -> String {
        let outage = self.outage();
        outage.map_or_else(|| error::explained(self), |outage| outage.to_string())
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Provider(error) => error.retry_after(),
            Self::NoModel(_) => Some(Duration::from_secs(5)),
            _ => self.outage().map(|_| Outage::RETRY_AFTER),
        }
    }

    fn metadata(&self) -> HashMap<String, String> {
        match self {
            Self::Provider(error) => error.metadata(),
            _ => HashMap::new(),
        }
    }
}
