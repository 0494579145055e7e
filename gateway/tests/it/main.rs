//! The gateway on a real port before a real gRPC server, driven as clients drive it.

mod echo;
mod edge;
mod errors;
mod grpc;
mod harness;
mod http;
mod identity;
mod pages;
mod streams;
mod web;
