//! What tests stand on: a scripted model server that speaks OpenAI's protocol, and access tokens for people.

pub mod people;
pub mod scripted;
