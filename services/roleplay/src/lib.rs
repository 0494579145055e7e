//! Troupe's roleplay service: characters, sessions, messages, generations, prompts.

mod application;
pub mod domain;
mod infrastructure;
mod migrations;
