//! The users service behind its real server stack, on a database of its own, with a clock that stands still.

mod audit;
mod backoff;
mod credentials;
mod harness;
mod login_sessions;
mod profile;
mod refresh;
mod restart;
mod strangers;
