//! Drives the built executable from outside: over HTTP, over gRPC, over the terminal client's pipes, and with signals.

#![cfg(test)]

mod backup;
mod cards;
mod chaos;
mod chat;
mod clearing;
mod collector;
mod credentials;
mod disks;
mod doctor;
mod edge;
mod events;
mod examples;
mod grpc;
mod leaving;
mod log;
mod main_job;
mod masks;
mod memory;
mod onlookers;
mod open_streams;
mod outages;
mod person;
mod pictures;
mod platform;
mod postgres;
mod processes;
mod real_model;
mod restart;
mod sign_in;
mod soak;
mod start;
mod telemetry;
mod updates;
mod uploads;
