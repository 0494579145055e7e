//! The example cards.

use crate::platform::checkout;

/// A character of ours, with a greeting, two alternates and a lorebook.
pub(crate) fn maren() -> Vec<u8> {
    example("maren.png")
}

/// A card of `examples/cards`.
pub(crate) fn example(name: &str) -> Vec<u8> {
    std::fs::read(checkout().join("examples/cards").join(name)).unwrap()
}
