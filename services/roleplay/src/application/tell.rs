//! What happens in sessions, told to whoever wants to know. Events carry ids and no text.

use events::Outbox;
use platform::trace::Cause;
use sea_orm::{ConnectionTrait, DbErr};
use troupe_proto::events::{
    MemoryChanged, MessageOrigin, MessageWritten, MessagesDeleted, SessionDeleted,
};

use super::Chats;
use crate::domain::ids::{CharacterId, GenerationId, MemoryId, MessageId, SessionId, UserId};
use crate::domain::session::Session;
use crate::infrastructure::tables::session;

/// Deleted messages that one event names.
const DELETED_AT_ONCE: usize = 1000;

/// Session events: publishes, in a transaction, what it does to one session.
pub(super) struct Telling<'a, C> {
    pub(super) tx: &'a C,
    outbox: &'a Outbox,
    scene: Scene,
    cause: &'a Cause,
}

impl Chats {
    /// Tells what happens to a session, because of a request.
    pub(super) fn telling<'a, C>(
        &'a self,
        tx: &'a C,
        scene: impl Into<Scene>,
        cause: &'a Cause,
    ) -> Telling<'a, C> {
        Telling::new(tx, &self.outbox, scene, cause)
    }
}

impl<'a, C> Telling<'a, C> {
    /// Tells what happens to a session, because of a request.
    pub(super) fn new(
        tx: &'a C,
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
    session_id: SessionId,
    user_id: UserId,
    character_id: Option<CharacterId>,
}

impl<C: ConnectionTrait> Telling<'_, C> {
    /// A message got its text.
    pub(super) async fn written(
        &self,
        message: MessageId,
        generation: Option<GenerationId>,
        origin: MessageOrigin,
    ) -> Result<(), DbErr> {
        let event = MessageWritten {
            session_id: self.scene.session_id.to_string(),
            message_id: message.to_string(),
            user_id: self.scene.user_id.to_string(),
            character_id: self.scene.character(),
            generation_id: generation.map(|id| id.to_string()).unwrap_or_default(),
            origin: origin.into(),
        };
        let told = self.outbox.add(self.tx, &event, self.cause);
        told.await.map(drop)
    }

    /// Messages were deleted.
    pub(super) async fn deleted(&self, messages: &[MessageId]) -> Result<(), DbErr> {
        for some in messages.chunks(DELETED_AT_ONCE) {
            let event = MessagesDeleted {
                session_id: self.scene.session_id.to_string(),
                message_ids: some.iter().map(MessageId::to_string).collect(),
                user_id: self.scene.user_id.to_string(),
                character_id: self.scene.character(),
            };
            self.outbox.add(self.tx, &event, self.cause).await?;
        }
        Ok(())
    }

    /// A person added, rewrote or deleted a memory.
    pub(super) async fn memory_changed(&self, memory: MemoryId) -> Result<(), DbErr> {
        let event = MemoryChanged {
            session_id: self.scene.session_id.to_string(),
            memory_id: memory.to_string(),
            user_id: self.scene.user_id.to_string(),
        };
        let told = self.outbox.add(self.tx, &event, self.cause);
        told.await.map(drop)
    }

    /// The session was deleted.
    pub(super) async fn session_deleted(&self) -> Result<(), DbErr> {
        let event = SessionDeleted {
            session_id: self.scene.session_id.to_string(),
            user_id: self.scene.user_id.to_string(),
            character_id: self.scene.character(),
        };
        let told = self.outbox.add(self.tx, &event, self.cause);
        told.await.map(drop)
    }
}

impl Scene {
    fn character(self) -> String {
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
            character_id: session.character_id,
        }
    }
}

impl From<&session::Model> for Scene {
    fn from(session: &session::Model) -> Self {
        Self {
            session_id: session.id,
            user_id: session.user_id,
            character_id: session.character_id,
        }
    }
}
