//! Types and decisions of roleplay: pure, without async, storage, clocks or logging.

pub mod avatar;
pub mod book;
pub mod bookmark;
pub mod card;
pub mod cast;
pub mod character;
pub mod etag;
pub mod generation;
pub mod holder;
pub mod ids;
pub mod invitation;
mod lenient;
pub mod lorebook;
pub mod macros;
pub mod memory;
pub mod message;
pub mod name;
pub mod participant;
pub mod persona;
pub mod prompt;
pub(crate) mod random;
pub mod role;
pub mod search;
pub mod session;
pub mod turn;
pub mod watch;
