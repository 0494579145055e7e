//! Invitations to sessions: by a link, for whoever has it, or of one person.

use std::time::Duration;

use platform::Timestamp;
use sha2::{Digest, Sha256};

use super::ids::{InvitationId, ParticipantId, SessionId, UserId};
use super::participant::ParticipantRole;

/// How long an invitation holds where nobody says.
pub const DEFAULT_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long one holds at most.
pub const LONGEST_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Most invitations of a session that hold.
pub const MAX_INVITATIONS: u64 = 100;

/// An invitation to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// The session.
    pub session_id: SessionId,
    /// Its title.
    pub session_title: String,
    /// The name of its character.
    pub character_name: String,
    /// What those become who accept it.
    pub role: ParticipantRole,
    /// Who is invited; none for whoever has the link.
    pub user_id: Option<UserId>,
    /// Who made it.
    pub inviter_id: ParticipantId,
    /// How often it can be accepted; none for any number.
    pub max_uses: Option<u32>,
    /// How often it was.
    pub use_count: u32,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it ends.
    pub expire_time: Timestamp,
}

impl Invitation {
    /// Whether one more person can accept it.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.expire_time && self.max_uses.is_none_or(|most| self.use_count < most)
    }
}

/// What is kept of a token: it has so much chance in it that a plain hash can't be reversed.
#[must_use]
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
