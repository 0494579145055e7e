//! The example cards, carried in the executable.

/// A card that comes with Troupe.
pub(crate) struct Example {
    /// The character's name.
    pub(crate) name: &'static str,
    /// Who that is, in a few words.
    pub(crate) about: &'static str,
    /// The card's file.
    pub(crate) card: &'static [u8],
}

/// The cards of `examples/cards`.
pub(crate) const EXAMPLES: &[Example] = &[];
