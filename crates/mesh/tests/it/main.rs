//! The server stack and the channels, around a users service whose handlers do what a test needs.

#[cfg(test)]
mod channel;
#[cfg(test)]
mod consul;
#[cfg(test)]
mod deadline;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod elsewhere;
#[cfg(test)]
mod fake_users;
#[cfg(test)]
mod follow;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod listener;
#[cfg(test)]
mod name_server;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod process;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod stack;
#[cfg(test)]
mod tokens;
