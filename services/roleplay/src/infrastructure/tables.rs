//! The tables, a file each.

pub(crate) mod bookmark;
pub(crate) mod branch;
pub(crate) mod cast_member;
pub(crate) mod character;
pub(crate) mod character_asset;
pub(crate) mod character_lorebook;
pub(crate) mod generation;
pub(crate) mod generation_chunk;
pub(crate) mod generation_receipt;
pub(crate) mod holder;
pub(crate) mod invitation;
pub(crate) mod lorebook;
pub(crate) mod memory;
pub(crate) mod message;
pub(crate) mod participant;
pub(crate) mod persona;
pub(crate) mod request;
pub(crate) mod scenario;
pub(crate) mod scenario_lorebook;
pub(crate) mod scenario_role;
pub(crate) mod session;
pub(crate) mod session_lorebook;
pub(crate) mod session_role;
pub(crate) mod session_story;
pub(crate) mod share_link;
