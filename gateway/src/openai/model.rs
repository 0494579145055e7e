//! The names of models.

/// What begins the name of a character.
pub(super) const CHARACTER: &str = "character:";
/// What begins the name of a session.
pub(super) const SESSION: &str = "session:";

/// Whose replies a name asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model<'n> {
    /// A model by itself; empty for the default one.
    Raw(&'n str),
    /// A character, by its id.
    Character(&'n str),
    /// A session, by its id.
    Session(&'n str),
}

impl<'n> Model<'n> {
    /// What a name asks for.
    pub(super) fn named(name: &'n str) -> Self {
        if let Some(id) = name.strip_prefix(CHARACTER) {
            return Self::Character(id);
        }
        match name.strip_prefix(SESSION) {
            Some(id) => Self::Session(id),
            None => Self::Raw(name),
        }
    }
}
