//! What tests stand on: a scripted model server that speaks OpenAI's protocol, access tokens for people, real servers, a
//! store of the kind that the run is on, and the plans of queries.

pub mod explaining;
pub mod home;
pub mod people;
pub mod scripted;
pub mod servers;
pub mod waiting;

pub use explaining::Explaining;
pub use home::Home;
