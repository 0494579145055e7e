//! The prompt compiler: from a card, a lorebook and a chat to what a model is sent, and a receipt
//! that says where every part comes from.
//!
//! It is pure and goes in two steps, because counting tokens is not: a [`Draft`] expands macros
//! and names the texts whose tokens must be known; [`Draft::fit`] fits them into the window. The
//! same material, settings and seed give the same prompt.

mod assemble;
mod draft;
mod error;
mod examples;
mod fit;
mod group;
mod growth;
mod history;
mod material;
mod memory;
mod piece;
mod recall;
mod receipt;
mod sections;
mod settings;
mod stable;
mod voices;

#[cfg(test)]
mod tests;

pub use self::{
    draft::Draft,
    error::FitError,
    fit::{ChatMessage, Compiled, Prompt},
    group::{Group, GroupCards, GroupMember},
    growth::check_growth,
    material::{Kind, Material, Persona, Turn},
    memory::{MemoryReport, MemorySettings, MemoryTrace, Outcome, Recall, Recalled},
    receipt::{LoreTrace, Receipt, Source, Span},
    settings::{ExampleStyle, Form, NameStyle, Settings},
};
