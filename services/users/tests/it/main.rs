//! The users service behind its real server stack, on a database of its own, with a clock that stands still.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod backoff;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod cookie;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod forgotten;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod lapses;
#[cfg(test)]
mod login_sessions;
#[cfg(test)]
mod profile;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod tabs;
#[cfg(test)]
mod told;
