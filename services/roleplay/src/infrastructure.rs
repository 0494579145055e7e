//! Tables and queries, the avatars' files, and the two services that roleplay calls.

pub(crate) mod queries;
pub(crate) mod tables;
