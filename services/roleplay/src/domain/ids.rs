//! The ids of what roleplay keeps.

use platform::id;
pub use platform::id::{GenerationId, UserId};

id!(
    /// A character.
    pub CharacterId, "chr"
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
