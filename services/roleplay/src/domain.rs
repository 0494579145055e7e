//! Types and decisions of roleplay: pure, without async, storage, clocks or logging.

pub mod card;
mod lenient;
pub mod lorebook;
pub mod macros;
pub mod prompt;
mod random;
pub mod role;
