//! Processes that listen, call one another, die and come back; Consul, a name server and the processes are the tests' own.

#[cfg(test)]
mod consul;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod elsewhere;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod listener;
#[cfg(test)]
mod local;
#[cfg(test)]
mod name_server;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod process;
#[cfg(test)]
mod users;
