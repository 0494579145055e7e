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
    /// Somebody who takes part in a session.
    pub ParticipantId, "mbr"
);
id!(
    /// An invitation to a session.
    pub InvitationId, "inv"
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
    /// A bookmark of a message.
    pub BookmarkId, "bmk"
);
id!(
    /// A lorebook.
    pub LorebookId, "lor"
);
id!(
    /// A scenario.
    pub ScenarioId, "scn"
);
id!(
    /// A link to a character or a scenario.
    pub ShareLinkId, "lnk"
);
id!(
    /// A process that runs generations.
    pub HolderId, "hld"
);
id!(
    /// Something that a session remembers.
    pub MemoryId, "mem"
);

impl CharacterId {
    /// A number that is as good as random, and the character's own.
    pub(crate) fn number(self) -> u64 {
        self.0.as_u64_pair().1
    }
}

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

impl LorebookId {
    /// The lorebook in a character's card, which has the character's number: there is one of each.
    #[must_use]
    pub fn of_card(id: CharacterId) -> Self {
        Self(id.0)
    }
}

impl CharacterId {
    /// The character of this number.
    pub(crate) fn from_uuid(id: uuid::Uuid) -> Self {
        Self(id)
    }

    /// The character whose card would hold this lorebook.
    #[must_use]
    pub fn of_book(id: LorebookId) -> Self {
        Self(id.0)
    }

    /// Its number.
    pub(crate) fn uuid(self) -> uuid::Uuid {
        self.0
    }
}

impl ParticipantId {
    /// The one who opened a session, who has the session's number: there is one of each.
    #[must_use]
    pub fn of_opener(id: SessionId) -> Self {
        Self(id.0)
    }
}

impl SessionId {
    /// Its number, by which a store of vectors knows it.
    #[must_use]
    pub fn uuid(self) -> uuid::Uuid {
        self.0
    }
}
