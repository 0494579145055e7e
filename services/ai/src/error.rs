//! How calls of the service fail.

use std::time::Duration;

use sea_orm::DbErr;
use storage::database::Fault;
use tonic::Status;
use troupe_proto::{Class, Classify, Reason};

use crate::domain::{Form, ProviderError};

/// About what a model takes until it is loaded.
const LOADING_TIME: Duration = Duration::from_secs(5);

/// A call that can't be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No model has the id.
    #[error("there is no model {0:?}: `GET /api/v1/ai/models` lists all models")]
    ModelUnknown(String),
    /// No model was named, and there is no default one (yet).
    #[error("no model can be used yet: {0}")]
    NoModel(String),
    /// A route leaves out all of its models.
    #[error(
        "the route {0} has no model for this request: `GET /api/v1/ai/routes/{0}:explain` says why each is left out"
    )]
    NoCandidate(String),
    /// The prompt has not the form that the model takes.
    #[error("the model {model_id} needs a prompt in the form {wanted:?}")]
    WrongForm { model_id: String, wanted: Form },
    /// The provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The ledger can't be read.
    #[error("the ledger of usage can't be used: {0}")]
    Storage(#[source] Fault),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::ModelUnknown(_) => Class::new(Reason::ModelUnknown),
            Self::NoModel(_) => Class::new(Reason::ProviderUnavailable).retry_after(LOADING_TIME),
            Self::NoCandidate(_) => Class::new(Reason::RouteHasNoModel),
            Self::WrongForm { wanted, .. } => Class::new(Reason::InvalidRequest)
                .violation("prompt", format!("must have the form {wanted:?}")),
            Self::Provider(error) => error.class(),
            Self::Storage(fault) => fault.class(),
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
