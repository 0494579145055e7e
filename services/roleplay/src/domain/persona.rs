//! Personas: who a person is in a conversation.

use platform::Timestamp;

use super::ids::PersonaId;

/// Who a person is in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persona {
    /// Its id.
    pub id: PersonaId,
    /// What `{{user}}` means; never blank.
    pub name: String,
    /// Goes into the prompt.
    pub description: String,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
}
