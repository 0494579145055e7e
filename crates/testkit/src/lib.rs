//! What tests stand on: a scripted model server that speaks OpenAI's protocol, access tokens for people, real servers,
//! and a store of the kind that the run is on.

pub mod home;
pub mod people;
pub mod scripted;
pub mod servers;

pub use home::Home;
