//! Troupe, the backend for AI roleplay platforms.

fn main() {}
