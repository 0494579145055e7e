//! What can go wrong in a use case, and what the caller learns of it.

use platform::Timestamp;
use sea_orm::DbErr;
use storage::database::Fault;
use storage::files;
use tonic::Status;
use troupe_proto::{Classify, Code};

use crate::domain::card::CardError;
use crate::domain::cast::CastError;
use crate::domain::etag::etag;
use crate::domain::ids::GenerationId;
use crate::domain::macros::Outgrown;
use crate::domain::participant::Refusal;
use crate::domain::prompt::FitError;
use crate::domain::scenario::{AnswerError, ScenarioError};
use crate::domain::watch::OffsetError;
use crate::infrastructure::index;
use crate::infrastructure::picture::Unusable;

mod class;

use class::part_of_scenario;

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
    /// A field is at fault for a reason of its own.
    #[error("{error}")]
    At {
        /// The field as the request names it.
        field: &'static str,
        /// What is wrong with it.
        error: Box<Error>,
    },
    /// Another request had this id.
    #[error(
        "the id of this request was used for another one: make a new id for each request, and keep it only to repeat the same"
    )]
    RequestIdReused,
    /// It was changed since the caller read it.
    #[error(
        "the {0} was changed since you read it: read it again, and make your change on what it is now"
    )]
    EtagMismatch(&'static str),
    /// It is no scenario.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The blanks of a template can't be filled.
    #[error(transparent)]
    Answers(#[from] AnswerError),
    /// Nobody plays a role.
    #[error("{}", open_role(.0))]
    RoleOpen(String),
    /// Its owner doesn't show it.
    #[error(
        "the {0} is somebody else's, who doesn't show it to others: it can be used, and not be read"
    )]
    CardHidden(&'static str),
    /// The person has as many scenarios as one may have.
    #[error("you already have {0} scenarios, the most allowed: delete some that you don't need")]
    TooManyScenarios(u32),
    /// The person has as many links as one may have.
    #[error("you already have {0} links, the most allowed: revoke some that nobody needs")]
    TooManyShareLinks(u32),
    /// The platform lists nothing.
    #[error("this platform lists no characters and scenarios: share it by link instead")]
    ListingOff,
    /// A reply is being generated.
    #[error("a reply is being generated in this session: wait for it, watch it or cancel it")]
    GenerationRunning(GenerationId),
    /// Their role in the session doesn't allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No invitation lets them in. Why isn't told to somebody who may only guess.
    #[error(
        "there is no such invitation, or it ended, was used up or revoked, or can't bring you back: ask for a new one"
    )]
    InvitationInvalid,
    /// As many take part as may.
    #[error("{0} people take part in the session, the most allowed: somebody has to leave first")]
    SessionFull(u64),
    /// As many replies wait as may.
    #[error("{0} replies wait in this session, the most allowed: wait for one, or cancel one")]
    TooManyWaiting(u32),
    /// The person has as many running as one may have.
    #[error(
        "you already have {0} replies in progress or waiting, the most allowed: wait for one to end, or cancel one"
    )]
    TooManyGenerations(u32),
    /// This can't be done with that message.
    #[error("{0}")]
    Unsuitable(&'static str),
    /// The session's character was deleted.
    #[error("the session's character was deleted: give the session another one, or only read it")]
    CharacterDeleted,
    /// No character may speak now.
    #[error(
        "no character may speak now: name who does (character_id), unmute one, or change how the session takes turns"
    )]
    NobodyToSpeak,
    /// The cast can't be changed so.
    #[error(transparent)]
    Cast(#[from] CastError),
    /// The session is on the branch.
    #[error("the session is on this branch: select another one first, then delete it")]
    BranchSelected,
    /// What was sent is no picture that a character can have.
    #[error(
        "the picture can't be used ({0}): send a whole PNG, JPEG or WebP of at most 16,384 pixels on each side"
    )]
    AvatarInvalid(#[from] Unusable),
    /// The character has no picture.
    #[error("the character has no picture")]
    AvatarMissing,
    /// Nobody gave out that address, or it has ended.
    #[error("the address of the picture {0}: read the character again, which has new ones")]
    AvatarAddressInvalid(&'static str),
    /// The picture has no pixels that can be scaled.
    #[error("the character's picture is damaged and can't be shown in a size: {0}")]
    AvatarUnreadable(String),
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
    /// The text of a generation can't be stored, and so not be shown; the generation continues.
    #[error("the reply is paused and continues later: {0}")]
    HeldUp(String),
    /// A generation lost its job.
    #[error("the generation {0} is marked as running, but nothing runs it")]
    Orphaned(GenerationId),
    /// Another process took this one for gone and ended the generation.
    #[error("the generation {0} was ended by another process")]
    GenerationLost(GenerationId),
    /// The vectors of memories can't be used.
    #[error(transparent)]
    Vectors(vectors::Error),
    /// ai sent something else than what it was asked for.
    #[error("{0}")]
    Embedding(String),
    /// What another service answered.
    #[error("{}", .0.message())]
    Remote(Status),
    /// The database failed.
    #[error(transparent)]
    Storage(Fault),
    /// The store of files failed.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// A receipt can't be written, or read again.
    #[error("the receipt can't be written or read: {0}")]
    Receipt(#[from] serde_json::Error),
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
    /// What people are told of a disk that takes nothing, or of another program's lock, if that is what keeps from storing.
    pub(crate) fn trouble_of_writes(&self) -> Option<String> {
        let Self::Storage(fault) = self else {
            return None;
        };
        let outage = fault.outage().filter(|outage| outage.stops_writes());
        outage.map(|outage| outage.to_string())
    }

    /// The same, where the request is a file.
    pub(super) fn of_file(self) -> Self {
        match self {
            Self::Card(_) | Self::Scenario(_) => self.at("file"),
            other => other,
        }
    }

    /// The same, where the request has a character.
    pub(super) fn of_character(self) -> Self {
        match self {
            Self::Card(CardError::Nameless) => self.at("character.name"),
            other => other,
        }
    }

    /// The same, where the request has a scenario.
    pub(super) fn of_scenario(self) -> Self {
        let field = match &self {
            Self::Scenario(error) => part_of_scenario(error),
            _ => None,
        };
        match field {
            Some(field) => self.at(field),
            None => self,
        }
    }

    fn at(self, field: &'static str) -> Self {
        let error = Box::new(self);
        Self::At { field, error }
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
            Self::Vectors(error) => !matches!(error, vectors::Error::Invalid(_)),
            _ => self.class().code() == Code::Unavailable,
        }
    }

    /// Whether nothing embeds here at all, now or later.
    pub(crate) fn is_without_embedder(&self) -> bool {
        let codes = [Code::Unimplemented, Code::FailedPrecondition];
        matches!(self, Self::Remote(status) if codes.contains(&status.code()))
    }
}

/// Refuses a change of what isn't as its sender saw it. One who sends no etag takes it as it is.
pub(super) fn check_etag(
    what: &'static str,
    update_time: Timestamp,
    seen: &str,
) -> Result<(), Error> {
    check_etag_of(what, &etag(update_time), seen)
}

/// As [`check_etag`], of a thing whose etag is known.
pub(super) fn check_etag_of(what: &'static str, etag: &str, seen: &str) -> Result<(), Error> {
    if seen.is_empty() || seen == etag {
        return Ok(());
    }
    Err(Error::EtagMismatch(what))
}

fn open_role(role: &str) -> String {
    match role {
        "" => {
            "the scenario has no role with a character: name a character for the session".to_owned()
        }
        role => format!(
            "no character plays the role `{role}`, or none that you may use: name one for it, or choose another role"
        ),
    }
}

impl From<Outgrown> for Error {
    fn from(outgrown: Outgrown) -> Self {
        Self::PromptTooLong(outgrown.into())
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

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Storage(error.into())
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            // Its own service said it all.
            Error::Remote(status) => status,
            error => service::answer(&error),
        }
    }
}
