//! Tasks of the repository: tests, checks, benchmarks.

fn main() {}
