//! Who takes part in a session, and what they may do there. All that asks for a session names the right that it needs:
//! [`SessionAccess::grant`] is the only way to one.

use platform::Timestamp;
use sea_orm::{DeriveActiveEnum, EnumIter};

use super::ids::{InvitationId, MessageId, ParticipantId, PersonaId, SessionId, UserId};
use super::message::{Author, Message};
use super::session::Session;

/// Most people who take part in a session at a time.
pub const MAX_PARTICIPANTS: u64 = 50;

/// What somebody is in a session. The names are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum ParticipantRole {
    /// The session is theirs.
    Owner,
    /// They write.
    Player,
    /// They only watch.
    Spectator,
}

/// What somebody may do in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Read it, watch it, search it, bookmark its messages, and say whom they play.
    Watch,
    /// Write, let the character answer, turn to swipes and branches, add notes; change and delete what they wrote.
    Write,
    /// Change the session and all that is in it, see its prompts, invite and remove people, delete it.
    Manage,
}

impl ParticipantRole {
    /// Whether the role has a right.
    #[must_use]
    pub fn has(self, right: Right) -> bool {
        match right {
            Right::Watch => true,
            Right::Write => self != Self::Spectator,
            Right::Manage => self == Self::Owner,
        }
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Player => "player",
            Self::Spectator => "spectator",
        }
    }
}

/// Somebody's place in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Its id.
    pub id: ParticipantId,
    /// Whose it is.
    pub user_id: UserId,
    /// What they are.
    pub role: ParticipantRole,
    /// Whom they play; none for themselves.
    pub persona_id: Option<PersonaId>,
    /// What their profile called them when that was last seen; may be empty.
    pub name: String,
}

impl Seat {
    /// The place of the one who opens a session.
    #[must_use]
    pub fn of_opener(session: SessionId, user_id: UserId) -> Self {
        Self {
            id: ParticipantId::of_opener(session),
            user_id,
            role: ParticipantRole::Owner,
            persona_id: None,
            name: String::new(),
        }
    }

    /// The place of somebody who is to get one.
    #[must_use]
    pub fn of_newcomer(user_id: UserId) -> Self {
        Self {
            id: ParticipantId::new(),
            user_id,
            role: ParticipantRole::Spectator,
            persona_id: None,
            name: String::new(),
        }
    }

    /// Whether they may change or delete a message.
    #[must_use]
    pub fn may_change(&self, message: &Message) -> bool {
        self.role.has(Right::Manage) || (self.role.has(Right::Write) && self.wrote(message))
    }

    /// Whether a message is theirs.
    #[must_use]
    pub fn wrote(&self, message: &Message) -> bool {
        message.author == Author::Person && message.participant_id == Some(self.id)
    }

    /// Refuses what the role doesn't allow.
    ///
    /// # Errors
    /// It has no such right.
    pub fn check(&self, right: Right) -> Result<(), Refusal> {
        match self.role.has(right) {
            true => Ok(()),
            false => Err(Refusal::Role {
                role: self.role,
                right,
            }),
        }
    }
}

/// Why somebody may not do something in a session that they may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Their role doesn't allow it.
    #[error("{}", refusal(*.role, *.right))]
    Role {
        /// What they are.
        role: ParticipantRole,
        /// What it takes.
        right: Right,
    },
    /// The message isn't theirs.
    #[error(
        "you may change and delete only the messages that you wrote: ask the owner of the session, who may change all"
    )]
    OthersMessage {
        /// What they are.
        role: ParticipantRole,
    },
    /// What others said would go with the message.
    #[error(
        "others' messages follow this one and would be deleted with it: delete it alone (keep_following), or ask the owner"
    )]
    OthersFollow {
        /// What they are.
        role: ParticipantRole,
    },
    /// Somebody else asked for the reply.
    #[error("only the owner of the session, and who asked for a reply, can cancel it")]
    OthersReply {
        /// What they are.
        role: ParticipantRole,
    },
    /// Whom others play is theirs to say.
    #[error("only they themselves can say whom they play")]
    OthersPersona {
        /// What they are.
        role: ParticipantRole,
    },
}

impl Refusal {
    /// What the person is.
    #[must_use]
    pub fn role(self) -> ParticipantRole {
        match self {
            Self::Role { role, .. }
            | Self::OthersMessage { role }
            | Self::OthersFollow { role }
            | Self::OthersReply { role }
            | Self::OthersPersona { role } => role,
        }
    }
}

fn refusal(role: ParticipantRole, right: Right) -> String {
    let who = match role {
        ParticipantRole::Spectator => "you only watch this session",
        _ => "you don't own this session",
    };
    let needed = match right {
        Right::Watch | Right::Write => {
            "this is for those who play: ask its owner to make you a player"
        }
        Right::Manage => "this is for its owner alone",
    };
    format!("{who}: {needed}")
}

/// A session that somebody may see. What they want to do with it decides whether they get it.
#[derive(Debug, Clone)]
pub struct SessionAccess(Session);

impl SessionAccess {
    /// Of a session that was found as somebody's.
    #[must_use]
    pub fn of(session: Session) -> Self {
        Self(session)
    }

    /// The session, for something that needs a right.
    ///
    /// # Errors
    /// The person's role doesn't have it.
    pub fn grant(self, right: Right) -> Result<Session, Refusal> {
        self.0.me.check(right)?;
        Ok(self.0)
    }
}

/// Somebody who takes part in a session, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Their place.
    pub seat: Seat,
    /// The session.
    pub session_id: SessionId,
    /// Name and description of whom they play, if they play somebody.
    pub persona: Option<(String, String)>,
    /// When they joined.
    pub create_time: Timestamp,
    /// When something of it last changed.
    pub update_time: Timestamp,
    /// Since when they don't take part any more.
    pub end_time: Option<Timestamp>,
    /// The newest invitation that can't bring them back, since the owner removed them after it was made.
    pub barred_until: Option<InvitationId>,
}

impl Participant {
    /// Whether an invitation can't bring them back.
    #[must_use]
    pub fn is_barred(&self, invitation: InvitationId) -> bool {
        self.barred_until.is_some_and(|last| invitation <= last)
    }
}

/// Whether the messages that follow one are all somebody's own or a character's.
#[must_use]
pub fn are_own(seat: &Seat, following: &[(MessageId, Author, Option<ParticipantId>)]) -> bool {
    following
        .iter()
        .all(|(_, author, by)| *author == Author::Character || *by == Some(seat.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_the_rights_of_those_below_them() {
        use ParticipantRole::{Owner, Player, Spectator};
        let rights = |role: ParticipantRole| {
            [Right::Watch, Right::Write, Right::Manage].map(|right| role.has(right))
        };
        assert_eq!(rights(Owner), [true, true, true]);
        assert_eq!(rights(Player), [true, true, false]);
        assert_eq!(rights(Spectator), [true, false, false]);
    }

    #[test]
    fn says_what_the_role_lacks() {
        let seat = |role| Seat {
            role,
            ..Seat::of_opener(SessionId::new(), UserId::new())
        };
        let refused = seat(ParticipantRole::Spectator).check(Right::Write);
        let text = refused.unwrap_err().to_string();
        assert!(
            text.contains("only watch") && text.contains("player"),
            "{text}"
        );
        let refused = seat(ParticipantRole::Player).check(Right::Manage);
        assert!(refused.unwrap_err().to_string().contains("owner"));
    }
}
