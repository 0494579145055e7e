//! Bookmarks: messages that a person wants to find again.

use platform::Timestamp;

use super::ids::{BookmarkId, MessageId, SessionId};

/// A message that a person wants to find again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bookmark {
    /// Its id.
    pub id: BookmarkId,
    /// The session.
    pub session_id: SessionId,
    /// The message; the person has one bookmark at it.
    pub message_id: MessageId,
    /// What the person calls it; may be empty.
    pub title: String,
    /// When it was made.
    pub create_time: Timestamp,
    /// When its title last changed.
    pub update_time: Timestamp,
}
