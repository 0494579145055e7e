//! The gateway on a real port before a real gRPC server, driven as clients drive it.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod cookies;
#[cfg(test)]
mod echo;
#[cfg(test)]
mod edge;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod etags;
#[cfg(test)]
mod events;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod http;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod mounted;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod odd;
#[cfg(test)]
mod openai;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod own;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod panics;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod smaller;
#[cfg(test)]
mod snapshot;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod updates;
#[cfg(test)]
mod web;
