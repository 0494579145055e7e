//! What can go wrong in a use case, and what the caller learns of it.

use std::collections::HashMap;
use std::time::Duration;

use platform::database::Outage;
use platform::files;
use sea_orm::DbErr;
use tonic::Status;
use tonic_types::FieldViolation;
use troupe_proto::{Classify, Code, Reason, error};

use crate::domain::card::CardError;
use crate::domain::generation::OffsetError;
use crate::domain::ids::GenerationId;
use crate::domain::prompt::FitError;
use crate::infrastructure::index;

/// About what it takes until one of several replies has ended.
const REPLY_TIME: Duration = Duration::from_secs(5);

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such thing, or it isn't the caller's.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A field is at fault in a way that only the use case can see.
    #[error("{field} {description}")]
    Invalid {
        /// The field as the request names it.
        field: &'static str,
        /// What it must be.
        description: &'static str,
    },
    /// The file, or the edit, makes no card.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A reply is being generated.
    #[error("a reply is being generated in this session: wait for it, attach to it or cancel it")]
    GenerationRunning(GenerationId),
    /// The person has as many running as one may have.
    #[error(
        "you have {0} replies being generated, and no more may run at a time: wait for one, or cancel one"
    )]
    TooManyGenerations(u32),
    /// This can't be done with that message.
    #[error("{0}")]
    Unsuitable(&'static str),
    /// The session's character was deleted.
    #[error("the session's character was deleted: the session can be read, but no reply generated")]
    CharacterDeleted,
    /// The character has no picture.
    #[error("the character has no picture")]
    AvatarMissing,
    /// The prompt doesn't fit the model.
    #[error(transparent)]
    PromptTooLong(#[from] FitError),
    /// The model can't be used now.
    #[error("the model {model_id} can't be used now: {reason}")]
    ModelUnavailable {
        /// The model.
        model_id: String,
        /// Why.
        reason: String,
    },
    /// No watch can begin there.
    #[error(transparent)]
    Offset(#[from] OffsetError),
    /// The platform is stopping.
    #[error("the platform is stopping: try again in a few seconds")]
    Stopping,
    /// The text of a generation can't be stored, and so not be shown; the generation goes on.
    #[error("the reply is held up, and goes on later: {0}")]
    HeldUp(String),
    /// A generation lost its job.
    #[error("the generation {0} is marked as running, but nothing runs it")]
    Orphaned(GenerationId),
    /// Another process took this one for gone and ended the generation.
    #[error("the generation {0} was ended by another process")]
    GenerationLost(GenerationId),
    /// The vectors of memories can't be used.
    #[error(transparent)]
    Vectors(platform::vectors::Error),
    /// ai sent something else than what it was asked for.
    #[error("{0}")]
    Embedding(String),
    /// What another service answered.
    #[error("{}", .0.message())]
    Remote(Status),
    /// The database failed.
    #[error("storage failed: {0}")]
    Storage(#[from] DbErr),
    /// The store of files failed.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// A task of ours died.
    #[error("a task died: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Remote(status)
    }
}

impl Error {
    /// What a caller is told where a store can't be used, and it may be over later.
    fn passing(&self) -> Option<String> {
        match self {
            Self::Files(error) => error.passing(),
            Self::Vectors(error) => error.passing(),
            Self::HeldUp(_) => Some(self.to_string()),
            _ => self.outage().map(|outage| outage.to_string()),
        }
    }

    fn outage(&self) -> Option<Outage> {
        match self {
            Self::Storage(error) => Outage::of(error),
            _ => None,
        }
    }

    /// What people are told of a disk that takes nothing, if that is what keeps from storing.
    pub(crate) fn trouble_of_disk(&self) -> Option<String> {
        let outage = self.outage()?;
        let is_of_disk = matches!(outage, Outage::Full | Outage::Failing | Outage::ReadOnly);
        is_of_disk.then(|| outage.to_string())
    }

    /// Whether it may well be over later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Remote(status) => matches!(
                status.code(),
                Code::Unavailable
                    | Code::DeadlineExceeded
                    | Code::ResourceExhausted
                    | Code::Cancelled
            ),
            Self::Vectors(error) => !matches!(error, platform::vectors::Error::Invalid(_)),
            _ => self.code() == Code::Unavailable,
        }
    }

    /// Whether nothing embeds here at all, now or later.
    pub(crate) fn is_without_embedder(&self) -> bool {
        let codes = [Code::Unimplemented, Code::FailedPrecondition];
        matches!(self, Self::Remote(status) if codes.contains(&status.code()))
    }
}

impl From<index::Error> for Error {
    fn from(error: index::Error) -> Self {
        match error {
            index::Error::Embedder(status) => Self::Remote(status),
            index::Error::Vectors(error) => Self::Vectors(error),
            index::Error::Miscounted { .. } => Self::Embedding(error.to_string()),
        }
    }
}

impl Classify for Error {
    fn code(&self) -> Code {
        match self {
            Self::NotFound(_) | Self::AvatarMissing => Code::NotFound,
            Self::Invalid { .. } | Self::Card(_) => Code::InvalidArgument,
            Self::Offset(OffsetError::WithinCharacter { .. }) => Code::InvalidArgument,
            Self::Offset(OffsetError::BeyondEnd { .. }) => Code::OutOfRange,
            Self::GenerationRunning(_) | Self::Unsuitable(_) => Code::FailedPrecondition,
            Self::CharacterDeleted | Self::PromptTooLong(_) => Code::FailedPrecondition,
            Self::TooManyGenerations(_) => Code::ResourceExhausted,
            Self::ModelUnavailable { .. } | Self::Stopping | Self::HeldUp(_) => Code::Unavailable,
            Self::Storage(_) if self.outage() == Some(Outage::Busy) => Code::ResourceExhausted,
            Self::Storage(_) | Self::Files(_) | Self::Vectors(_) if self.passing().is_some() => {
                Code::Unavailable
            }
            Self::Vectors(_) | Self::Embedding(_) => Code::Internal,
            Self::Remote(status) => status.code(),
            Self::Orphaned(_) | Self::GenerationLost(_) | Self::Storage(_) => Code::Internal,
            Self::Files(_) | Self::Task(_) => Code::Internal,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::NotFound(_) | Self::CharacterDeleted => Reason::NotFound,
            Self::Invalid { .. } => Reason::InvalidRequest,
            Self::Card(_) => Reason::CardInvalid,
            Self::Offset(_) => Reason::OffsetInvalid,
            Self::GenerationRunning(_) => Reason::GenerationRunning,
            Self::TooManyGenerations(_) => Reason::TooManyGenerations,
            Self::Unsuitable(_) => Reason::MessageUnsuitable,
            Self::AvatarMissing => Reason::AvatarMissing,
            Self::PromptTooLong(_) => Reason::PromptTooLong,
            Self::ModelUnavailable { .. } => Reason::ProviderUnavailable,
            Self::Stopping | Self::HeldUp(_) => Reason::Unavailable,
            Self::Storage(_) if self.outage() == Some(Outage::Busy) => Reason::Overloaded,
            Self::Storage(_) | Self::Files(_) | Self::Vectors(_) if self.passing().is_some() => {
                Reason::Unavailable
            }
            Self::Vectors(_) | Self::Embedding(_) => Reason::Internal,
            Self::Remote(status) => error::reason_of(status).unwrap_or(Reason::Internal),
            Self::Orphaned(_) | Self::GenerationLost(_) | Self::Storage(_) => Reason::Internal,
            Self::Files(_) | Self::Task(_) => Reason::Internal,
        }
    }

    fn public_message(&self) -> String {
        self.passing().unwrap_or_else(|| error::explained(self))
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyGenerations(_) => Some(REPLY_TIME),
            _ => self.passing().map(|_| Outage::RETRY_AFTER),
        }
    }

    fn metadata(&self) -> HashMap<String, String> {
        match self {
            Self::GenerationRunning(id) => {
                HashMap::from([("generation_id".to_owned(), id.to_string())])
            }
            _ => HashMap::new(),
        }
    }

    fn violations(&self) -> Vec<FieldViolation> {
        match self {
            Self::Invalid { field, description } => vec![FieldViolation::new(*field, *description)],
            _ => Vec::new(),
        }
    }
}

/// The one place where a failure becomes what the caller sees, and where faults of ours are logged.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        if let Error::Remote(status) = error {
            return status;
        }
        let status = error.to_status();
        if matches!(status.code(), Code::Internal | Code::Unavailable) {
            tracing::error!(%error, "a call failed");
        }
        status
    }
}
