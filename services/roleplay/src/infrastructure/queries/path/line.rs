//! A message as a prompt reads it.

use platform::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use crate::domain::ids::MessageId;
use crate::domain::message::Author;

/// What a prompt needs to know of a message.
#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    #[serde(deserialize_with = "message_id")]
    pub(crate) id: MessageId,
    pub(crate) author: Author,
    pub(crate) speaker_name: String,
    pub(crate) text: String,
    pub(crate) depth: i32,
    pub(crate) character_count: i32,
    #[serde(deserialize_with = "timestamp")]
    pub(crate) create_time: Timestamp,
    #[serde(deserialize_with = "boolean")]
    pub(crate) is_template: bool,
}

fn message_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MessageId, D::Error> {
    let text = <&str>::deserialize(deserializer)?;
    Uuid::parse_str(text)
        .map(MessageId::from_uuid)
        .map_err(D::Error::custom)
}

fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    i64::deserialize(deserializer).map(Timestamp::from_micros)
}

/// SQLite has numbers for it.
fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_bool().unwrap_or(value == 1))
}
