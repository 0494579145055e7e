//! The messages of a path as prompts need them.

use std::cmp::Reverse;

use platform::Timestamp;
use sea_orm::{ConnectionTrait, DbErr};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use super::Limits;
use super::walk::{LINES, Texts, Walk};
use crate::domain::ids::{CharacterId, MessageId, SessionId};
use crate::domain::message::{Author, MessageKind};
use crate::infrastructure::queries::from_json;
use crate::infrastructure::tables::message::Column;

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
    pub(crate) kind: MessageKind,
    #[serde(deserialize_with = "boolean")]
    pub(crate) is_template: bool,
    #[serde(deserialize_with = "character_id")]
    pub(crate) character_id: Option<CharacterId>,
}

/// As [`super::load`], and only what a prompt needs: where models don't read a message it has no text. All messages come in one row: a driver of SQLite hands each row to another
/// thread, which takes longer than finding it.
pub(crate) async fn lines(
    db: &impl ConnectionTrait,
    session: SessionId,
    from: MessageId,
    limits: Limits,
) -> Result<Vec<Line>, DbErr> {
    let columns = [
        Column::Id,
        Column::Author,
        Column::SpeakerName,
        Column::Text,
        Column::Depth,
        Column::CharacterCount,
        Column::CreateTime,
        Column::Kind,
        Column::IsTemplate,
        Column::CharacterId,
    ];
    let walk = Walk {
        texts: Texts::ForModels,
        ..Walk::within(limits, session, from)
    };
    let statement = walk.gathered(&columns, db.get_database_backend());
    let row = db.query_one(&statement).await?;
    let json: Option<String> = row.map(|row| row.try_get("", LINES)).transpose()?.flatten();
    let Some(json) = json else {
        return Ok(Vec::new());
    };
    let mut lines: Vec<Line> = from_json(&json)?;
    // An aggregate keeps the order of its rows, though only by habit.
    lines.sort_by_key(|line| Reverse(line.depth));
    Ok(lines)
}

fn message_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MessageId, D::Error> {
    let text = <&str>::deserialize(deserializer)?;
    Uuid::parse_str(text)
        .map(MessageId::from_uuid)
        .map_err(D::Error::custom)
}

/// SQLite writes nothing for none.
fn character_id<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<CharacterId>, D::Error> {
    let text = Option::<&str>::deserialize(deserializer)?;
    let text = text.filter(|text| !text.is_empty());
    let id = text.map(|text| Uuid::parse_str(text).map(CharacterId::from_uuid));
    id.transpose().map_err(D::Error::custom)
}

fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    i64::deserialize(deserializer).map(Timestamp::from_micros)
}

/// SQLite has numbers for it.
fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_bool().unwrap_or(value == 1))
}
