//! The tables of events. A service that tells events or wants to know of some has all of them.

pub(super) mod dead_letter;
pub(super) mod inbox;
pub(super) mod mark;
pub(super) mod outbox;
