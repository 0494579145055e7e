//! What tests stand on: a scripted model server that speaks OpenAI's protocol, access tokens for people, and real
//! servers.

pub mod people;
pub mod scripted;
pub mod servers;
