//! Troupe's roleplay service: characters, sessions, messages, generations, prompts.

pub mod domain;
mod infrastructure;
mod migrations;
