//! Finds the route of an HTTP request: templates of `google.api.http` in a tree of path segments.
//!
//! Paths are split while still percent-encoded, so that an encoded slash never separates segments. A literal wins over
//! `*`, and `*` over `**`, at each step, with backtracking. Each node of the tree is visited at most once per request,
//! without recursion, so that the cost is bounded by the tree and not by the path.

mod percent;
mod template;
mod tree;

pub(crate) use percent::{decode, decode_query};
pub(crate) use template::{Segment, Template, Variable};
pub(crate) use tree::{Found, Lookup, Tree};

#[cfg(test)]
mod tests;
