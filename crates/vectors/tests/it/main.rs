//! Vectors: one suite for the file and for a real Qdrant.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by failing")]

mod vectors;
