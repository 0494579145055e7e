//! JSON text: a strict reader that makes no tree, and a writer.

mod reader;
mod writer;

pub(crate) use reader::{Number, Reader, SyntaxError, Token};
pub(crate) use writer::{write_base64, write_double, write_float, write_integer, write_string};

/// How deep arrays and objects may nest, in and out.
pub(crate) const MAX_DEPTH: usize = 100;
