//! The client against addresses that mean ill, and against servers on real sockets that do.
#![cfg(test)]

mod bounds;
mod hostile;
mod names;
mod stage;
mod tls;
mod wire;
