//! The port: what carries events from outboxes to consumers.

use futures::future::BoxFuture;
use platform::id::EventId;
use sea_orm::DbErr;
use storage::Database;

use super::Envelope;

/// Carries events. Implemented by a dispatcher in the process and by JetStream.
pub(super) trait Transport: Send + Sync {
    /// What it is called in traces.
    fn system(&self) -> &'static str;

    /// Carries an event, and completes once it needn't come from the outbox again. Of one key, the next is carried only
    /// after that.
    fn send(&self, envelope: Envelope) -> BoxFuture<'static, Result<(), SendError>>;

    /// Whether it may lose what was sent, so that the outbox keeps that for a while. If not, a row goes once it is sent.
    fn may_lose(&self) -> bool;

    /// Hears which events can't come again: their rows are gone from the outbox.
    fn gone(&self, events: &[EventId]);

    /// Looks whether what was sent from an outbox is gone. If so, takes back that it was sent, and returns true.
    fn check<'a>(
        &'a self,
        service: &'static str,
        db: &'a Database,
    ) -> BoxFuture<'a, Result<bool, SendError>>;
}

/// An event of which nobody knows whether it arrived. It is sent again.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// Consumers in this process didn't get to it.
    #[error("the process is stopping")]
    Stopping,
    /// The outbox can't be used.
    #[error("the outbox can't be used: {0}")]
    Storage(#[from] DbErr),
    /// There is no connection to the server.
    #[error("there is no connection to NATS")]
    Unconnected,
    /// The server didn't do what it was asked for, or didn't answer in time.
    #[error("the server of events can't do it: {0}")]
    Away(String),
    /// The server answers and doesn't let us in.
    #[error(
        "NATS at {0} refuses the login: correct the user and password, or the token, in nats.url, or nats.credentials_file"
    )]
    Refused(String),
}

impl SendError {
    /// Whether somebody else tells of it: the connection is watched.
    pub(super) fn is_of_connection(&self) -> bool {
        matches!(self, Self::Unconnected | Self::Refused(_))
    }

    /// What traces call it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Stopping => "stopping",
            Self::Storage(_) => "storage",
            Self::Unconnected | Self::Away(_) => "away",
            Self::Refused(_) => "refused",
        }
    }
}
