//! Drives the built executable from outside: over HTTP, over gRPC, over the terminal client's pipes, and with signals.

#![cfg(test)]

mod cards;
mod chat;
mod doctor;
mod edge;
mod grpc;
mod main_job;
mod person;
mod platform;
mod postgres;
mod real_model;
mod restart;
mod start;
