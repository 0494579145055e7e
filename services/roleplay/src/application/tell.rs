//! What happens in sessions, told to whoever wants to know. Events carry ids and no text.

use std::time::Duration;

use events::{Outbox, Retellable, Retold};
use platform::Timestamp;
use platform::trace::Cause;
use sea_orm::DbErr;
use storage::database::Transaction;
use troupe_proto::Event;
use troupe_proto::events::{
    self as told, BranchSelected, InvitationCreated, MemoryChanged, MessageOrigin, MessagesDeleted,
    ParticipantJoined, ParticipantLeft, ParticipantRoleChanged, SessionDeleted, SwipeSelected,
};

use super::{Chats, happened};
use crate::domain::ids::{BranchId, CharacterId, MemoryId, MessageId, SessionId, UserId};
use crate::domain::invitation::Invitation;
use crate::domain::message::{Author, Message};
use crate::domain::participant::{ParticipantRole, Seat};
use crate::domain::session::Session;
use crate::infrastructure::queries::history::{GenerationRow, MessageRow, SessionRow};
use crate::infrastructure::tables::message;

/// Deleted messages that one event names.
const DELETED_AT_ONCE: usize = 1000;

/// Session events: publishes, in a transaction, what it does to one session.
pub(super) struct Telling<'a> {
    pub(super) tx: &'a Transaction<'a>,
    outbox: &'a Outbox,
    scene: Scene,
    cause: &'a Cause,
}

impl Chats {
    /// Tells what happens to a session, because of a request.
    pub(super) fn telling<'a>(
        &'a self,
        tx: &'a Transaction<'a>,
        scene: impl Into<Scene>,
        cause: &'a Cause,
    ) -> Telling<'a> {
        Telling::new(tx, &self.outbox, scene, cause)
    }
}

impl<'a> Telling<'a> {
    /// Tells what happens to a session, because of a request.
    pub(super) fn new(
        tx: &'a Transaction<'a>,
        outbox: &'a Outbox,
        scene: impl Into<Scene>,
        cause: &'a Cause,
    ) -> Self {
        Self {
            tx,
            outbox,
            scene: scene.into(),
            cause,
        }
    }
}

/// A session, and whom it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    pub(super) session_id: SessionId,
    /// Who owns it.
    pub(super) user_id: UserId,
    /// Who did what is told; none where nobody knows, or nobody did.
    pub(super) actor_id: Option<UserId>,
    character_id: Option<CharacterId>,
}

impl Telling<'_> {
    /// The session was opened.
    pub(super) fn session_created(&self, time: Timestamp) -> Result<(), DbErr> {
        self.tell(happened::session_created(self.scene, time))
    }

    /// A session began with these greetings.
    pub(super) fn greeted(&self, greetings: &[message::Model]) -> Result<(), DbErr> {
        // Nobody says them.
        let scene = Scene {
            actor_id: None,
            ..self.scene
        };
        let told = greetings.iter().map(|greeting| {
            let (id, time) = (greeting.id, greeting.create_time);
            happened::written(scene, id, MessageOrigin::Greeting, time).into()
        });
        self.tell_all(told)
    }

    /// A message got a text that no generation wrote.
    pub(super) fn written(
        &self,
        message: MessageId,
        origin: MessageOrigin,
        time: Timestamp,
    ) -> Result<(), DbErr> {
        let told = happened::written(self.scene, message, origin, time);
        self.tell(told)
    }

    /// A generation began, unless it waits, and a message of a person is stored with it that it answers, unless that was there.
    pub(super) fn generation_started(
        &self,
        row: Option<&GenerationRow>,
        said: Option<&Message>,
    ) -> Result<(), DbErr> {
        let sent = said.map(|said| {
            happened::written(self.scene, said.id, MessageOrigin::Sent, said.create_time)
        });
        let started = row.map(happened::started);
        let told = sent.map(Retold::from).into_iter();
        self.tell_all(told.chain(started.map(Retold::from)))
    }

    /// A generation ended, which may have given its message a text.
    pub(super) fn generation_ended(
        &self,
        row: &GenerationRow,
        first_token: Option<Duration>,
    ) -> Result<(), DbErr> {
        let generated = happened::generated(row).map(Retold::from);
        let ended = happened::ended(row, first_token).map(Retold::from);
        self.tell_all(generated.into_iter().chain(ended))
    }

    fn tell_all(&self, told: impl IntoIterator<Item = Retold>) -> Result<(), DbErr> {
        self.outbox.add_retellables(self.tx, told, self.cause)
    }

    fn tell<E: Event>(&self, told: Retellable<E>) -> Result<(), DbErr> {
        let told = self.outbox.add_retellable(self.tx, told, self.cause);
        told.map(drop)
    }

    /// A person turned to a swipe from another, if the branch went through one.
    pub(super) fn swipe_selected(
        &self,
        swipe: &message::Model,
        left: Option<&message::Model>,
    ) -> Result<(), DbErr> {
        let generation = |message: Option<&message::Model>| {
            let generation = message.and_then(|message| message.generation_id);
            generation.map(|id| id.to_string()).unwrap_or_default()
        };
        let event = SwipeSelected {
            session_id: self.scene.session_id.to_string(),
            message_id: swipe.id.to_string(),
            left_message_id: left.map(|left| left.id.to_string()).unwrap_or_default(),
            user_id: self.scene.user_id.to_string(),
            character_id: self.scene.character(),
            generation_id: generation(Some(swipe)),
            left_generation_id: generation(left),
            actor_user_id: self.scene.actor(),
        };
        let told = self.outbox.add(self.tx, &event, self.cause);
        told.map(drop)
    }

    /// A person turned the session to a branch.
    pub(super) fn branch_selected(&self, branch: BranchId) -> Result<(), DbErr> {
        let event = BranchSelected {
            session_id: self.scene.session_id.to_string(),
            branch_id: branch.to_string(),
            user_id: self.scene.user_id.to_string(),
            character_id: self.scene.character(),
            actor_user_id: self.scene.actor(),
        };
        let told = self.outbox.add(self.tx, &event, self.cause);
        told.map(drop)
    }

    /// Messages were deleted.
    pub(super) fn deleted(&self, messages: &[MessageId]) -> Result<(), DbErr> {
        for some in messages.chunks(DELETED_AT_ONCE) {
            let event = MessagesDeleted {
                session_id: self.scene.session_id.to_string(),
                message_ids: some.iter().map(MessageId::to_string).collect(),
                user_id: self.scene.user_id.to_string(),
                character_id: self.scene.character(),
                actor_user_id: self.scene.actor(),
            };
            self.outbox.add(self.tx, &event, self.cause)?;
        }
        Ok(())
    }

    /// A person added, rewrote or deleted a memory.
    pub(super) fn memory_changed(&self, memory: MemoryId) -> Result<(), DbErr> {
        let event = MemoryChanged {
            session_id: self.scene.session_id.to_string(),
            memory_id: memory.to_string(),
            user_id: self.scene.user_id.to_string(),
            actor_user_id: self.scene.actor(),
        };
        let told = self.outbox.add(self.tx, &event, self.cause);
        told.map(drop)
    }

    /// Somebody joined the session.
    pub(super) fn participant_joined(&self, seat: &Seat) -> Result<(), DbErr> {
        let event = ParticipantJoined {
            session_id: self.scene.session_id.to_string(),
            participant_id: seat.id.to_string(),
            user_id: seat.user_id.to_string(),
            role: role(seat.role).into(),
            owner_user_id: self.scene.user_id.to_string(),
        };
        let told = self.outbox.add(self.tx, &event, self.cause);
        told.map(drop)
    }

    /// Somebody left, or was removed.
    pub(super) fn participant_left(&self, seat: &Seat, is_removed: bool) -> Result<(), DbErr> {
        let event = ParticipantLeft {
            session_id: self.scene.session_id.to_string(),
            participant_id: seat.id.to_string(),
            user_id: seat.user_id.to_string(),
            removed: is_removed,
            actor_user_id: self.scene.actor(),
        };
        let told = self.outbox.add(self.tx, &event, self.cause);
        told.map(drop)
    }

    /// Somebody has another role.
    pub(super) fn participant_changed(&self, seat: &Seat) -> Result<(), DbErr> {
        let event = ParticipantRoleChanged {
            session_id: self.scene.session_id.to_string(),
            participant_id: seat.id.to_string(),
            user_id: seat.user_id.to_string(),
            role: role(seat.role).into(),
            actor_user_id: self.scene.actor(),
        };
        let told = self.outbox.add(self.tx, &event, self.cause);
        told.map(drop)
    }

    /// Somebody was invited, or a link was made.
    pub(super) fn invited(&self, invitation: &Invitation) -> Result<(), DbErr> {
        let invited = invitation.user_id.map(|id| id.to_string());
        let event = InvitationCreated {
            session_id: self.scene.session_id.to_string(),
            invitation_id: invitation.id.to_string(),
            user_id: invited.unwrap_or_default(),
            role: role(invitation.role).into(),
            actor_user_id: self.scene.actor(),
        };
        let told = self.outbox.add(self.tx, &event, self.cause);
        told.map(drop)
    }

    /// The session was deleted.
    pub(super) fn session_deleted(&self) -> Result<(), DbErr> {
        let event = SessionDeleted {
            session_id: self.scene.session_id.to_string(),
            user_id: self.scene.user_id.to_string(),
            character_id: self.scene.character(),
        };
        let told = self.outbox.add(self.tx, &event, self.cause);
        told.map(drop)
    }
}

fn role(role: ParticipantRole) -> told::ParticipantRole {
    match role {
        ParticipantRole::Owner => told::ParticipantRole::Owner,
        ParticipantRole::Player => told::ParticipantRole::Player,
        ParticipantRole::Spectator => told::ParticipantRole::Spectator,
    }
}

impl Scene {
    pub(super) fn actor(self) -> String {
        self.actor_id.map(|id| id.to_string()).unwrap_or_default()
    }

    pub(super) fn character(self) -> String {
        self.character_id
            .map(|id| id.to_string())
            .unwrap_or_default()
    }
}

impl From<&Session> for Scene {
    fn from(session: &Session) -> Self {
        Self {
            session_id: session.id,
            user_id: session.user_id,
            actor_id: Some(session.me.user_id),
            character_id: session.character_id,
        }
    }
}

impl From<&SessionRow> for Scene {
    fn from(session: &SessionRow) -> Self {
        Self {
            session_id: session.id,
            user_id: session.user_id,
            actor_id: None,
            character_id: session.character_id,
        }
    }
}

impl From<&MessageRow> for Scene {
    fn from(message: &MessageRow) -> Self {
        Self {
            session_id: message.session_id,
            user_id: message.owner_id,
            actor_id: match message.author {
                Author::Person => message.author_id.or(Some(message.owner_id)),
                Author::Character => None,
            },
            character_id: message.character_id,
        }
    }
}

impl From<&GenerationRow> for Scene {
    fn from(generation: &GenerationRow) -> Self {
        Self {
            session_id: generation.session_id,
            user_id: generation.owner_id,
            actor_id: generation.actor_id,
            character_id: generation.character_id,
        }
    }
}
