//! An event on its way: what CloudEvents calls attributes, and the bytes.

use platform::Timestamp;
use platform::id::EventId;
use platform::trace::Cause;
use sea_orm::DbErr;

use super::tables::{dead_letter, outbox};

/// An event of any type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The event's id, the same wherever and however often it arrives.
    pub id: EventId,
    /// The full name of its message.
    pub type_name: String,
    /// Service, noun and verb, such as `roleplay.message.written`.
    pub subject: String,
    /// What it is in order with.
    pub key: String,
    /// When it was written.
    pub time: Timestamp,
    /// The message.
    pub payload: Vec<u8>,
    /// The request that it goes back to.
    pub cause: Cause,
    /// Whether it is told again, for consumers that came after it happened.
    pub is_retold: bool,
}

impl TryFrom<outbox::Model> for Envelope {
    type Error = DbErr;

    fn try_from(row: outbox::Model) -> Result<Self, DbErr> {
        Ok(Self {
            id: row.event_id,
            type_name: row.type_name,
            subject: row.subject,
            key: row.key,
            time: row.time,
            payload: row.payload,
            cause: cause(row.request_id, &row.traceparent)?,
            is_retold: row.is_retold,
        })
    }
}

impl TryFrom<dead_letter::Model> for Envelope {
    type Error = DbErr;

    fn try_from(row: dead_letter::Model) -> Result<Self, DbErr> {
        Ok(Self {
            id: row.event_id,
            type_name: row.type_name,
            subject: row.subject,
            key: row.key,
            time: row.time,
            payload: row.payload,
            cause: cause(row.request_id, &row.traceparent)?,
            is_retold: row.is_retold,
        })
    }
}

fn cause(request_id: String, traceparent: &str) -> Result<Cause, DbErr> {
    let trace = traceparent
        .parse()
        .map_err(|_| DbErr::Type("an event's traceparent can't be read".to_owned()))?;
    Ok(Cause {
        request_id: request_id.into(),
        trace,
    })
}
