//! What tests stand on: a service in the process and people who call it, a scripted model server that speaks OpenAI's
//! protocol, access tokens for people, real servers, a consumer that hears
//! every event, a store of the kind that the run is on, and the plans of queries.

pub mod access;
pub mod explaining;
mod faults;
pub mod held;
pub mod home;
pub mod people;
pub mod scripted;
pub mod servers;
pub mod stage;
pub mod waiting;
pub mod witness;

pub use explaining::Explaining;
pub use home::Home;
pub use stage::{Caller, Setup, Stage};
pub use witness::Witness;
