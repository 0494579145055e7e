//! The ids of what roleplay keeps.

use platform::id;
pub use platform::id::{GenerationId, UserId};

id!(
    /// A character.
    pub CharacterId, "chr"
);
id!(
    /// An asset of a character.
    pub AssetId, "ast"
);
id!(
    /// A file of assets.
    pub AssetFileId, "asf"
);
id!(
    /// A persona.
    pub PersonaId, "per"
);
id!(
    /// A session.
    pub SessionId, "ses"
);
id!(
    /// A branch of a session.
    pub BranchId, "brn"
);
id!(
    /// A message.
    pub MessageId, "msg"
);
id!(
    /// A process that runs generations.
    pub HolderId, "hld"
);
id!(
    /// Something that a session remembers.
    pub MemoryId, "mem"
);

impl MemoryId {
    /// The memory of a message, which has the message's number: there is one of each.
    #[must_use]
    pub fn of_message(id: MessageId) -> Self {
        Self(id.0)
    }

    /// The memory of this number.
    #[must_use]
    pub fn from_uuid(id: uuid::Uuid) -> Self {
        Self(id)
    }

    /// Its number, by which a store of vectors knows it.
    #[must_use]
    pub fn uuid(self) -> uuid::Uuid {
        self.0
    }
}

impl MessageId {
    /// The message of this number.
    pub(crate) fn from_uuid(id: uuid::Uuid) -> Self {
        Self(id)
    }

    /// Its number.
    pub(crate) fn uuid(self) -> uuid::Uuid {
        self.0
    }
}

impl CharacterId {
    /// Its number.
    pub(crate) fn uuid(self) -> uuid::Uuid {
        self.0
    }
}

impl SessionId {
    /// Its number, by which a store of vectors knows it.
    #[must_use]
    pub fn uuid(self) -> uuid::Uuid {
        self.0
    }
}
