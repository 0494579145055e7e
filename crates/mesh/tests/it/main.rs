//! The server stack and channels within a process, around a users service whose handlers do what a test needs.

#[cfg(test)]
mod channel;
#[cfg(test)]
mod deadline;
#[cfg(test)]
mod fake_users;
#[cfg(test)]
mod follow;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod stack;
#[cfg(test)]
mod tokens;
