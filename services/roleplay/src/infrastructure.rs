//! Tables and queries, the avatars' files, the vectors of memories, and the two services that roleplay calls.

pub(crate) mod avatars;
pub(crate) mod holder_file;
pub(crate) mod index;
pub(crate) mod models;
pub(crate) mod profiles;
pub(crate) mod queries;
pub(crate) mod tables;
